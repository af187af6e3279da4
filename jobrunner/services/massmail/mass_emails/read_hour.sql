-- What the limit of the hour ($1, 0 for none) leaves: how many were sent in the last hour; where that is all that may be,
-- the moment from which one more may go.
SELECT
    now() AS now,
    $1::bigint AS most,
    s.used,
    CASE
        WHEN $1::bigint > 0 AND s.used >= $1::bigint THEN (
            SELECT q.sent_at + interval '1 hour'
            FROM jobrunner.queue_item AS q
            WHERE q.sent_at > now() - interval '1 hour'
            ORDER BY q.sent_at
            OFFSET s.used - $1::bigint
            LIMIT 1
        )
    END AS free_at
FROM (
    SELECT count(*) AS used
    FROM jobrunner.queue_item AS q
    WHERE q.sent_at > now() - interval '1 hour'
) AS s
