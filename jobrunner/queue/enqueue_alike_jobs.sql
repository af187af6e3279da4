-- Adds many jobs that share all but their data, and returns their ids in order. $1 is a JSON array of the data; nothing
-- has a unique key. What is not given is taken from the published definition.
WITH shared AS MATERIALIZED (
    SELECT
        coalesce($3::text, d.queue, 'main') AS queue,
        coalesce($7::timestamptz, now()) + make_interval(secs => $6::double precision) AS execute_at,
        coalesce($10::integer, d.max_attempts, 3) AS max_attempts,
        coalesce($11::boolean, d.blocking, false) AS blocking
    FROM (SELECT) AS one
    LEFT JOIN jobrunner.definition AS d ON d.name = $2::text
), added AS (
    INSERT INTO jobrunner.job AS j (
        data,
        name,
        queue,
        group_name,
        priority,
        execute_at,
        target_type,
        target_id,
        max_attempts,
        blocking,
        hold
    )
    SELECT
        n.data,
        $2::text,
        -- Each of these is looked up once, not for each row.
        (SELECT s.queue FROM shared AS s),
        $4::text,
        $5::integer,
        (SELECT s.execute_at FROM shared AS s),
        $8::text,
        $9::text,
        (SELECT s.max_attempts FROM shared AS s),
        (SELECT s.blocking FROM shared AS s),
        (
            SELECT CASE WHEN $4::text IS NOT NULL OR s.execute_at > now() THEN 'Time'::jobrunner.job_hold END
            FROM shared AS s
        )
    FROM jsonb_array_elements($1::text::jsonb) AS n (data)
    RETURNING j.id
)
SELECT
    array_agg(added.id) AS ids,
    (SELECT jobrunner.wake(s.queue) FROM shared AS s) AS woken
FROM added
