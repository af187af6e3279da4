-- Adds many jobs that share all but their data, and returns their ids in order. $1 is a JSON array of the data; nothing
-- has a unique key.
WITH shared AS MATERIALIZED (
    SELECT coalesce($7::timestamptz, now()) + make_interval(secs => $6::double precision) AS execute_at
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
        $3::text,
        $4::text,
        $5::integer,
        (SELECT s.execute_at FROM shared AS s),
        $8::text,
        $9::text,
        $10::integer,
        $11::boolean,
        (
            SELECT CASE WHEN $4::text IS NOT NULL OR s.execute_at > now() THEN 'Time'::jobrunner.job_hold END
            FROM shared AS s
        )
    FROM jsonb_array_elements($1::text::jsonb) AS n (data)
    RETURNING j.id
)
SELECT
    array_agg(added.id) AS ids,
    (SELECT jobrunner.wake($3::text)) AS woken
FROM added
