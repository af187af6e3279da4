-- $1 name or id.
SELECT a.id
FROM jobrunner.smtp_account AS a
WHERE a.name = $1::text OR a.id::text = $1::text
