-- Mass e-mails under way that are sent by an account: $1 id.
SELECT m.name
FROM jobrunner.mass_email AS m
WHERE m.smtp_account_id = $1::bigint AND m.status IN ('Pending', 'In Process', 'Paused')
ORDER BY m.name
LIMIT 10
