-- Adds many jobs at once and returns their ids in the order given, NULL where a unique key is taken.
WITH given AS (
    SELECT
        n.*,
        coalesce(n.at, now()) + make_interval(secs => coalesce(n.delay, 0)) AS due,
        d.queue AS default_queue,
        d.max_attempts AS default_attempts,
        coalesce(d.blocking, false) AS blocking
    FROM unnest(
        $1::text[], $2::jsonb[], $3::text[], $4::text[], $5::timestamptz[], $6::double precision[], $7::integer[],
        $8::text[], $9::text[], $10::integer[], $11::text[]
    ) WITH ORDINALITY AS n (
        name, data, queue, group_name, at, delay, priority, target_type, target_id, max_attempts, unique_key, place
    )
    LEFT JOIN jobrunner.definition AS d ON d.name = n.name
), added AS (
    INSERT INTO jobrunner.job AS j (
        name,
        data,
        queue,
        group_name,
        execute_at,
        priority,
        target_type,
        target_id,
        max_attempts,
        unique_key,
        blocking,
        hold
    )
    SELECT
        g.name,
        g.data,
        coalesce(g.queue, g.default_queue, 'main'),
        g.group_name,
        g.due,
        coalesce(g.priority, 0),
        g.target_type,
        g.target_id,
        coalesce(g.max_attempts, g.default_attempts, 3),
        g.unique_key,
        g.blocking,
        CASE WHEN g.group_name IS NOT NULL OR g.due > now() THEN 'Time'::jobrunner.job_hold END
    FROM given AS g
    ORDER BY g.place
    ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO NOTHING
    RETURNING j.id, j.queue, j.unique_key
), woken AS (
    SELECT count(jobrunner.wake(q.queue))
    FROM (SELECT DISTINCT added.queue FROM added) AS q
)
SELECT
    added.id,
    added.unique_key
FROM added, woken
