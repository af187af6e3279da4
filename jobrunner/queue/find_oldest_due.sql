-- Which job could run longest ago and still waits, and for how many seconds. A job of a scheduled job could not before
-- the run before it ended, one that was returned not before that attempt ended; other groups say nothing.
WITH RECURSIVE lane AS (
    -- Jumps from one queue, kind and priority to the next, so that the rows between are not read.
    (
        SELECT
            j.queue,
            j.blocking,
            j.priority
        FROM jobrunner.job AS j
        WHERE j.hold IS NULL
        ORDER BY j.queue, j.blocking, j.priority
        LIMIT 1
    )
    UNION ALL
    SELECT n.*
    FROM lane
    CROSS JOIN LATERAL (
        SELECT
            j.queue,
            j.blocking,
            j.priority
        FROM jobrunner.job AS j
        WHERE j.hold IS NULL AND (j.queue, j.blocking, j.priority) > (lane.queue, lane.blocking, lane.priority)
        ORDER BY j.queue, j.blocking, j.priority
        LIMIT 1
    ) AS n
), ready AS (
    SELECT f.*
    FROM (SELECT * FROM lane LIMIT 1000) AS l
    CROSS JOIN LATERAL (
        SELECT
            j.id,
            j.name,
            j.queue,
            j.group_name,
            j.scheduled_job_id,
            j.execute_at
        FROM jobrunner.job AS j
        WHERE
            j.hold IS NULL
            AND j.queue = l.queue
            AND j.blocking = l.blocking
            AND j.priority = l.priority
            AND j.status = 'Pending'
        ORDER BY j.execute_at, j.id
        LIMIT 20
    ) AS f
), due AS (
    SELECT
        j.id,
        j.name,
        j.queue,
        j.group_name,
        j.scheduled_job_id,
        j.execute_at
    FROM jobrunner.job AS j
    WHERE j.hold IN ('Time', 'Retry') AND j.execute_at <= statement_timestamp()
    ORDER BY j.execute_at, j.id
    LIMIT 20
), oldest AS (
    SELECT *
    FROM (
        SELECT * FROM ready
        UNION ALL
        SELECT * FROM due
    ) AS b
    WHERE b.group_name IS NULL OR b.scheduled_job_id IS NOT NULL
    ORDER BY b.execute_at, b.id
    LIMIT 20
), timed AS (
    SELECT
        o.id,
        o.name,
        o.queue,
        greatest(
            o.execute_at,
            (
                SELECT max(a.ended_at)
                FROM jobrunner.attempt AS a
                WHERE a.job_id = o.id
            ),
            (
                SELECT h.finished_at
                FROM jobrunner.job_history AS h
                WHERE h.scheduled_job_id = o.scheduled_job_id
                ORDER BY h.finished_at DESC
                LIMIT 1
            )
        ) AS since
    FROM oldest AS o
)
SELECT
    t.id,
    t.name,
    t.queue,
    t.since,
    extract(epoch FROM clock_timestamp() - t.since)::double precision AS seconds
FROM timed AS t
ORDER BY t.since, t.id
LIMIT 1
