-- Adds jobs that this process runs itself at once, under the claim $1: Running from the beginning, so that no daemon
-- takes them. If the process dies, their lease brings them to an end like any other.
WITH added AS (
    INSERT INTO jobrunner.job AS j (
        name,
        queue,
        blocking,
        status,
        claim_id,
        started_at,
        attempt,
        max_attempts,
        data,
        target_type,
        target_id
    )
    SELECT
        $4,
        $5,
        $6,
        'Running',
        $1,
        clock_timestamp(),
        1,
        1,
        t.data,
        t.target_type,
        t.target_id
    FROM unnest($7::jsonb[], $8::text[], $9::text[]) AS t (data, target_type, target_id)
    RETURNING
        j.id,
        j.name,
        j.queue,
        j.blocking,
        j.attempt,
        j.max_attempts,
        j.data,
        j.target_type,
        j.target_id,
        j.group_name,
        j.scheduled_job_id,
        j.firing,
        j.first_firing,
        j.firings,
        j.preparing,
        j.cancel_requested
), claim AS (
    INSERT INTO jobrunner.claim (id, daemon_id, expires_at, job_ids)
    SELECT
        $1,
        $2,
        clock_timestamp() + make_interval(secs => $3),
        array_agg(added.id)
    FROM added
    HAVING count(*) > 0
)
SELECT added.*
FROM added
ORDER BY added.id
