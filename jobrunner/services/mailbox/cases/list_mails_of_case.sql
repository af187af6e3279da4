-- The mails of case $1 (an id), the oldest first
SELECT
    e.id,
    e.date_sent,
    e.from_string AS sender,
    e.subject,
    e.status::text AS status
FROM jobrunner.email AS e
WHERE e.parent_type = 'Case' AND e.parent_id = $1::text
ORDER BY e.date_sent, e.id
