-- Publishes what this daemon can run; returns the names that are new or changed.
INSERT INTO jobrunner.definition AS d (
    name, blocking, queue, max_attempts, deadline, often, fans_out, crontab, parameters
)
SELECT
    p.name,
    p.blocking,
    p.queue,
    p.max_attempts,
    make_interval(secs => p.deadline),
    p.often,
    p.fans_out,
    p.crontab,
    p.parameters
FROM unnest(
    $1::text[], $2::boolean[], $3::text[], $4::integer[], $5::double precision[], $6::boolean[], $7::boolean[], $8::text[], $9::jsonb[]
) AS p (name, blocking, queue, max_attempts, deadline, often, fans_out, crontab, parameters)
ORDER BY p.name
ON CONFLICT (name) DO UPDATE
SET
    blocking = excluded.blocking,
    queue = excluded.queue,
    max_attempts = excluded.max_attempts,
    deadline = excluded.deadline,
    often = excluded.often,
    fans_out = excluded.fans_out,
    crontab = excluded.crontab,
    parameters = excluded.parameters,
    published_at = now()
WHERE
    (d.blocking, d.queue, d.max_attempts, d.deadline, d.often, d.fans_out, d.crontab, d.parameters)
    IS DISTINCT FROM
    (
        excluded.blocking, excluded.queue, excluded.max_attempts, excluded.deadline, excluded.often, excluded.fans_out,
        excluded.crontab, excluded.parameters
    )
RETURNING d.name
