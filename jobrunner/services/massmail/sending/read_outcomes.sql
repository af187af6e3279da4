-- What became of the items of a mass e-mail ($1) that were finished last, newest first; $2 how many.
SELECT q.status::text AS status, q.code, q.enhanced_code, q.reply
FROM jobrunner.queue_item AS q
WHERE q.mass_email_id = $1::bigint AND q.status IN ('Sent', 'Failed', 'Uncertain') AND NOT q.is_test
ORDER BY q.finished_at DESC, q.id DESC
LIMIT $2::bigint
