-- How many ready jobs of the queue $1 and kind $2 are claimed before one of priority $3, time $4 and id $5, counted up
-- to $6.
SELECT count(*)
FROM (
    SELECT
    FROM jobrunner.job AS j
    WHERE
        j.queue = $1
        AND j.blocking = $2
        AND j.hold IS NULL
        AND j.status = 'Pending'
        AND (j.priority, j.execute_at, j.id) < ($3::integer, $4::timestamptz, $5::bigint)
    ORDER BY j.queue, j.blocking, j.priority, j.execute_at, j.id
    LIMIT $6
) AS j
