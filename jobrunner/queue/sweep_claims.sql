-- Takes back the jobs of every claim whose lease ran out: Pending again, or Failed when no attempt is left.
-- It decides and writes in one statement, with state and claim re-checked under the row's lock: a finish that is
-- under way at this moment wins, and its claim is looked at again by the next sweep.
WITH expired AS (
    SELECT
        c.id,
        c.job_ids,
        c.daemon_id
    FROM jobrunner.claim AS c
    WHERE c.expires_at < clock_timestamp()
    ORDER BY c.id
    FOR UPDATE SKIP LOCKED
), lost AS (
    SELECT
        j.id,
        j.attempt,
        j.started_at,
        expired.id AS claim_id,
        coalesce(d.name, 'a daemon') AS daemon,
        j.attempt >= j.max_attempts AS is_last
    FROM expired
    CROSS JOIN LATERAL unnest(expired.job_ids) AS held (job_id)
    JOIN jobrunner.job AS j ON j.id = held.job_id AND j.claim_id = expired.id AND j.status = 'Running'
    LEFT JOIN jobrunner.daemon AS d ON d.id = expired.daemon_id
    ORDER BY j.id
    FOR UPDATE OF j SKIP LOCKED
), returned AS (
    UPDATE jobrunner.job AS j
    SET
        status = 'Pending',
        claim_id = NULL,
        started_at = NULL,
        lost_leases = j.lost_leases + 1,
        -- The first loss is hardly the job's own fault: no pause.
        hold = CASE WHEN j.lost_leases > 0 THEN 'Retry' END::jobrunner.job_hold,
        execute_at = CASE
            WHEN j.lost_leases > 0
                THEN clock_timestamp() + make_interval(secs => least(10 * 3 ^ least(j.attempt - 1, 10), 3600) * (0.8 + 0.4 * random()))
            ELSE j.execute_at
        END,
        error = 'the lease of attempt ' || lost.attempt || ' ran out: ' || lost.daemon || ' was killed, frozen or cut off',
        progress = NULL,
        progress_message = NULL
    FROM lost
    WHERE j.id = lost.id AND NOT lost.is_last
    RETURNING j.*
), removed AS (
    DELETE FROM jobrunner.job AS j
    USING lost
    WHERE j.id = lost.id AND lost.is_last
    RETURNING j.*, lost.daemon
), failed AS (
    INSERT INTO jobrunner.job_history (
        id, execute_at, created_at, started_at, finished_at, claim_id, priority, attempt, max_attempts,
        status, blocking, preparing, name, queue, group_name, unique_key, target_type, target_id,
        scheduled_job_id, firing, first_firing, firings, daemon, error, data
    )
    SELECT
        r.id, r.execute_at, r.created_at, r.started_at, clock_timestamp(), r.claim_id, r.priority, r.attempt, r.max_attempts,
        'Failed', r.blocking, r.preparing, r.name, r.queue, r.group_name, r.unique_key, r.target_type, r.target_id,
        r.scheduled_job_id, r.firing, r.first_firing, r.firings, r.daemon,
        'its process ended ' || (r.lost_leases + 1) || CASE r.lost_leases WHEN 0 THEN ' time' ELSE ' times' END
        || ': the lease of its last attempt ran out, ' || r.daemon || ' was killed, frozen or cut off',
        r.data
    FROM removed AS r
    RETURNING id
), noted AS (
    INSERT INTO jobrunner.attempt (
        job_id, attempt, outcome, started_at, ended_at, claim_id, daemon, name, target_type, target_id, scheduled_job_id, error
    )
    SELECT
        r.id, lost.attempt, 'Lost', lost.started_at, clock_timestamp(), lost.claim_id, lost.daemon, r.name, r.target_type,
        r.target_id, r.scheduled_job_id, r.error
    FROM returned AS r
    JOIN lost ON lost.id = r.id
), logged AS (
    INSERT INTO jobrunner.job_log (job_id, attempt, at, level, logger, message)
    SELECT
        lost.id, lost.attempt, clock_timestamp(), 40, 'jobrunner',
        'taken back: the lease of attempt ' || lost.attempt || ' ran out, ' || lost.daemon || ' was killed, frozen or cut off'
    FROM lost
), ended AS (
    DELETE FROM jobrunner.claim AS c
    USING expired
    WHERE c.id = expired.id AND NOT EXISTS (
        SELECT
        FROM unnest(expired.job_ids) AS held (job_id)
        JOIN jobrunner.job AS j ON j.id = held.job_id AND j.claim_id = expired.id
        WHERE held.job_id NOT IN (SELECT lost.id FROM lost)
    )
)
SELECT
    r.id,
    r.name,
    r.queue,
    r.group_name,
    false AS failed
FROM returned AS r
UNION ALL
SELECT
    r.id,
    r.name,
    r.queue,
    r.group_name,
    true AS failed
FROM removed AS r
