-- What became of the items of a mass e-mail ($1) that were finished last, since a person let it go on; newest first; $2 how
-- many.
SELECT q.status::text AS status, q.code, q.enhanced_code, q.reply
FROM jobrunner.queue_item AS q
JOIN jobrunner.mass_email AS m ON m.id = q.mass_email_id
WHERE q.mass_email_id = $1::bigint
    AND q.status IN ('Sent', 'Failed', 'Uncertain')
    AND NOT q.is_test
    AND (m.resumed_at IS NULL OR q.finished_at > m.resumed_at)
ORDER BY q.finished_at DESC, q.id DESC
LIMIT $2::bigint
