-- $1 mass e-mail, $2 how many: the commonest reasons why items are not sent, or not yet.
SELECT q.status::text AS status, q.reason, count(*) AS items
FROM jobrunner.queue_item AS q
WHERE q.mass_email_id = $1::bigint AND NOT q.is_test AND q.reason IS NOT NULL AND q.status <> 'Sent'
GROUP BY q.status, q.reason
ORDER BY count(*) DESC, q.status, q.reason
LIMIT $2::bigint
