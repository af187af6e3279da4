-- When it is worth while to run again: $1 how long accounts are to be waited for or NULL, $2 whether the hour is used up.
-- On the second, so that many who ask for one ask for the same; and some seconds from now, so that thousands of mails that
-- are deferred to moments of their own do not start a run for each.
SELECT date_trunc('second', greatest(min(n.moment), now() + interval '5 seconds') + interval '1 second') AS moment
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
HAVING count(*) > 0  -- greatest() passes over NULL
