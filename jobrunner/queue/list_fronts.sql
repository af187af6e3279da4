-- What stands at the front of each queue: the first $1 ready jobs, by name. Claims pass over what no daemon knows, so
-- that it gathers there.
WITH RECURSIVE lane AS (
    (
        SELECT
            j.queue,
            j.blocking
        FROM jobrunner.job AS j
        WHERE j.hold IS NULL
        ORDER BY j.queue, j.blocking
        LIMIT 1
    )
    UNION ALL
    SELECT n.*
    FROM lane
    CROSS JOIN LATERAL (
        SELECT
            j.queue,
            j.blocking
        FROM jobrunner.job AS j
        WHERE j.hold IS NULL AND (j.queue, j.blocking) > (lane.queue, lane.blocking)
        ORDER BY j.queue, j.blocking
        LIMIT 1
    ) AS n
)
SELECT
    f.queue,
    f.name,
    count(*) AS jobs,
    min(f.id) AS first_job
FROM (SELECT * FROM lane LIMIT 200) AS l
CROSS JOIN LATERAL (
    SELECT
        j.id,
        j.queue,
        j.name
    FROM jobrunner.job AS j
    WHERE j.hold IS NULL AND j.queue = l.queue AND j.blocking = l.blocking AND j.status = 'Pending'
    ORDER BY j.priority, j.execute_at, j.id
    LIMIT $1
) AS f
GROUP BY f.queue, f.name
ORDER BY f.queue, f.name
