-- Takes failed and cancelled jobs out of the history and makes them Pending, with as many attempts as at first.
-- One whose unique key somebody else holds by now stays where it is. One of a group is sorted in by the next look of a
-- daemon, like every job of a group that comes anew.
WITH wanted AS (
    SELECT
        h.id,
        h.status,
        h.finished_at,
        h.unique_key
    FROM jobrunner.job_history AS h
    WHERE h.id = ANY($1::bigint[]) AND h.status IN ('Failed', 'Cancelled')
    ORDER BY h.id
    FOR UPDATE
), free AS (
    SELECT DISTINCT ON (coalesce('key ' || w.unique_key, 'id ' || w.id))
        w.id,
        w.status,
        w.finished_at
    FROM wanted AS w
    WHERE NOT EXISTS (
        SELECT
        FROM jobrunner.job AS j
        WHERE j.unique_key = w.unique_key
    )
    ORDER BY coalesce('key ' || w.unique_key, 'id ' || w.id), w.id
), removed AS (
    -- Status and time name the table of the row, so that not all days are searched.
    DELETE FROM jobrunner.job_history AS h
    USING free
    WHERE h.id = free.id AND h.status = free.status AND h.finished_at = free.finished_at
    RETURNING h.*
), noted AS (
    -- Its last attempt would be forgotten otherwise.
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
        r.id,
        r.attempt,
        CASE r.status WHEN 'Failed' THEN 'Error' ELSE 'Stopped' END::jobrunner.attempt_outcome,
        r.started_at,
        r.finished_at,
        coalesce(r.claim_id, 0),
        r.daemon,
        r.name,
        r.target_type,
        r.target_id,
        r.scheduled_job_id,
        r.error
    FROM removed AS r
    WHERE r.started_at IS NOT NULL
), added AS (
    INSERT INTO jobrunner.job AS j (
        id,
        created_at,
        priority,
        max_attempts,
        hold,
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
        data
    )
    OVERRIDING SYSTEM VALUE
    SELECT
        r.id,
        r.created_at,
        r.priority,
        r.max_attempts,
        CASE WHEN r.group_name IS NOT NULL THEN 'Time'::jobrunner.job_hold END,
        coalesce(d.blocking, r.blocking),
        r.preparing,
        r.name,
        r.queue,
        r.group_name,
        r.unique_key,
        r.target_type,
        r.target_id,
        r.scheduled_job_id,
        r.firing,
        r.first_firing,
        r.firings,
        r.data
    FROM removed AS r
    LEFT JOIN jobrunner.definition AS d ON d.name = r.name
    ORDER BY r.id
    RETURNING
        j.id,
        j.queue
), woken AS (
    SELECT count(jobrunner.wake(q.queue))
    FROM (SELECT DISTINCT added.queue FROM added) AS q
)
SELECT added.id
FROM added, woken
ORDER BY added.id
