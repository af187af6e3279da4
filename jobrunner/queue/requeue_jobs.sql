-- Returns many jobs to Pending, each if it still runs under the claim named with it, and notes the attempt that ended.
-- A stopped attempt is not used up and waits for nothing; any other waits $5 seconds and keeps its group closed.
WITH outcome AS (
    SELECT *
    FROM unnest(
        $1::bigint[],
        $2::bigint[],
        $3::jobrunner.attempt_outcome[],
        $4::text[],
        $5::double precision[]
    ) AS o (id, claim_id, outcome, error, pause)
), held AS (
    SELECT
        j.id,
        j.attempt,
        j.started_at,
        j.name,
        j.target_type,
        j.target_id,
        j.scheduled_job_id,
        o.claim_id,
        o.outcome,
        o.error,
        o.pause
    FROM jobrunner.job AS j
    JOIN outcome AS o ON j.id = o.id AND j.claim_id = o.claim_id AND j.status = 'Running'
    ORDER BY j.id
    FOR UPDATE OF j
), returned AS (
    UPDATE jobrunner.job AS j
    SET
        status = 'Pending',
        claim_id = NULL,
        started_at = NULL,
        attempt = CASE WHEN held.outcome = 'Stopped' THEN j.attempt - 1 ELSE j.attempt END,
        hold = CASE WHEN held.pause > 0 THEN 'Retry' END::jobrunner.job_hold,
        execute_at = CASE WHEN held.pause > 0 THEN clock_timestamp() + make_interval(secs => held.pause) ELSE j.execute_at END,
        error = held.error,
        progress = NULL,
        progress_message = NULL
    FROM held
    WHERE j.id = held.id
    RETURNING
        j.id,
        j.queue,
        j.hold
), noted AS (
    INSERT INTO jobrunner.attempt (
        job_id,
        attempt,
        outcome,
        started_at,
        ended_at,
        claim_id,
        daemon,
        name,
        target_type,
        target_id,
        scheduled_job_id,
        error
    )
    SELECT
        held.id,
        held.attempt,
        held.outcome,
        held.started_at,
        clock_timestamp(),
        held.claim_id,
        $6,
        held.name,
        held.target_type,
        held.target_id,
        held.scheduled_job_id,
        held.error
    FROM held
), ended_claims AS (
    DELETE FROM jobrunner.claim AS c
    WHERE c.id = ANY($7::bigint[])
)
SELECT
    returned.id,
    CASE WHEN returned.hold IS NULL THEN jobrunner.wake(returned.queue) END AS woken
FROM returned
