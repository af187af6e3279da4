-- Stores the end of many jobs: each moves to the history if it still runs under the claim named with it.
-- What another daemon took over meanwhile is left alone; the caller counts the ids that come back.
-- Rows are locked in the order of the ids given, and daemons give them sorted: the plan is a nested loop over the arrays
-- (a test looks at the locks). FOR UPDATE in a step of its own, as elsewhere, makes this statement 22 % slower; and whoever
-- else locks several Running jobs skips those that are locked.
WITH outcome AS (
    SELECT *
    FROM unnest(
        $1::bigint[],
        $2::bigint[],
        $3::jobrunner.job_status[],
        $4::text[],
        $5::jsonb[]
    ) AS o (id, claim_id, status, error, result)
), finished AS (
    DELETE FROM jobrunner.job AS j
    USING outcome AS o
    WHERE j.id = o.id AND j.claim_id = o.claim_id AND j.status = 'Running'
    RETURNING
        j.*,
        o.status AS outcome,
        o.error AS final_error,
        o.result
), ended_claims AS (
    DELETE FROM jobrunner.claim AS c
    WHERE c.id = ANY($7::bigint[])
)
INSERT INTO jobrunner.job_history (
    id,
    execute_at,
    created_at,
    started_at,
    finished_at,
    claim_id,
    priority,
    attempt,
    max_attempts,
    status,
    blocking,
    preparing,
    name,
    queue,
    group_name,
    unique_key,
    target_type,
    target_id,
    scheduled_job_id,
    firing,
    first_firing,
    firings,
    daemon,
    error,
    result,
    data
)
SELECT
    f.id,
    f.execute_at,
    f.created_at,
    f.started_at,
    clock_timestamp(),
    f.claim_id,
    f.priority,
    f.attempt,
    f.max_attempts,
    f.outcome,
    f.blocking,
    f.preparing,
    f.name,
    f.queue,
    f.group_name,
    f.unique_key,
    f.target_type,
    f.target_id,
    f.scheduled_job_id,
    f.firing,
    f.first_firing,
    f.firings,
    $6,
    f.final_error,
    f.result,
    f.data
FROM finished AS f
RETURNING id
