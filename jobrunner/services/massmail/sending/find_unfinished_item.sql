-- Whether anything of a mass e-mail ($1) waits or is being sent
SELECT q.id
FROM jobrunner.queue_item AS q
WHERE q.mass_email_id = $1::bigint AND q.status IN ('Pending', 'Sending') AND NOT q.is_test
LIMIT 1
