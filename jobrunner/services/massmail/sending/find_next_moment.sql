-- When it is worth while to run again: $1 how long accounts are to be waited for or NULL, $2 whether the hour is used up.
-- On the minute, so that many who ask for one ask for the same.
SELECT date_trunc('minute', min(n.moment) + interval '1 minute') AS moment
FROM (
    SELECT min(q.next_attempt_at) AS moment
    FROM jobrunner.mass_email AS m
    CROSS JOIN LATERAL (
        SELECT i.next_attempt_at
        FROM jobrunner.queue_item AS i
        WHERE i.mass_email_id = m.id AND i.status = 'Pending' AND NOT i.is_test AND i.next_attempt_at > now()
        ORDER BY i.next_attempt_at
        LIMIT 1
    ) AS q
    WHERE m.status = 'In Process'
    UNION ALL
    SELECT now() + $1::interval
    UNION ALL
    SELECT s.sent_at + interval '1 hour'
    FROM (
        SELECT min(q.sent_at) AS sent_at
        FROM jobrunner.queue_item AS q
        WHERE q.sent_at > now() - interval '1 hour' AND $2::boolean
    ) AS s
) AS n
WHERE n.moment IS NOT NULL
