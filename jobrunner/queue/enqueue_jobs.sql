-- Adds many jobs, and returns those that were added: ids beside unique keys. A job whose key is taken is passed over.
-- $1 is a JSON array of their data. Each other column comes once for all jobs ($2 to $12), or, where they differ, as an
-- array ($13 to $23); the array is NULL where it is not needed. $24 names the queues that are to be woken.
WITH added AS (
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
        unique_key,
        blocking,
        hold
    )
    SELECT
        n.data,
        coalesce(n.name, $2::text),
        coalesce(n.queue, $3::text),
        coalesce(n.group_name, $4::text),
        coalesce(n.priority, $5::integer),
        due.at,
        coalesce(n.target_type, $8::text),
        coalesce(n.target_id, $9::text),
        coalesce(n.max_attempts, $10::integer),
        coalesce(n.unique_key, $11::text),
        coalesce(n.blocking, $12::boolean),
        CASE WHEN coalesce(n.group_name, $4::text) IS NOT NULL OR due.at > now() THEN 'Time'::jobrunner.job_hold END
    FROM ROWS FROM (
        jsonb_array_elements($1::text::jsonb),
        unnest($13::text[]),
        unnest($14::text[]),
        unnest($15::text[]),
        unnest($16::integer[]),
        unnest($17::double precision[]),
        unnest($18::timestamptz[]),
        unnest($19::text[]),
        unnest($20::text[]),
        unnest($21::integer[]),
        unnest($22::text[]),
        unnest($23::boolean[])
    ) AS n (
        data, name, queue, group_name, priority, delay, at, target_type, target_id, max_attempts, unique_key, blocking
    )
    CROSS JOIN LATERAL (
        SELECT coalesce(n.at, $7::timestamptz, now()) + make_interval(secs => coalesce(n.delay, $6::double precision)) AS at
    ) AS due
    ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO NOTHING
    RETURNING j.id, j.unique_key
), woken AS (
    SELECT count(jobrunner.wake(q.queue)) AS queues
    FROM unnest($24::text[]) AS q (queue)
)
SELECT
    array_agg(added.id) AS ids,
    array_agg(added.unique_key) AS keys,
    min(woken.queues) AS queues
FROM added
CROSS JOIN woken
