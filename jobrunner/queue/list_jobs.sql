-- One page of jobs, newest first: those that match among the $3 newest below id $2.
-- Each table is read backwards by id and the reading ends with the page or the window, so that the cost does not grow
-- with the tables. The last row of a full window comes back even where it does not match: the next page begins there.
WITH live AS NOT MATERIALIZED (
    SELECT
        j.id,
        j.name,
        j.status,
        j.queue,
        j.group_name,
        j.priority,
        j.attempt,
        j.max_attempts,
        j.created_at,
        j.execute_at,
        j.started_at,
        NULL::timestamptz AS finished_at,
        j.target_type,
        j.target_id,
        j.scheduled_job_id,
        j.progress,
        j.error
    FROM jobrunner.job AS j
    WHERE j.id < $2 AND ARRAY['Pending', 'Running'] && $1::text[]
    ORDER BY j.id DESC
    LIMIT $3
), done AS NOT MATERIALIZED (
    SELECT
        d.id,
        d.name,
        d.status,
        d.queue,
        d.group_name,
        d.priority,
        d.attempt,
        d.max_attempts,
        d.created_at,
        d.execute_at,
        d.started_at,
        d.finished_at,
        d.target_type,
        d.target_id,
        d.scheduled_job_id,
        NULL::real AS progress,
        d.error
    FROM jobrunner.job_history_done AS d
    WHERE
        d.id < $2
        AND ARRAY['Success', 'Cancelled'] && $1::text[]
        -- Whole days, so that it leaves out tables and never walks over the rows of one.
        AND d.finished_at >= coalesce(date_trunc('day', $4::timestamptz, 'UTC'), '-infinity')
    ORDER BY d.id DESC
    LIMIT $3
), failed AS NOT MATERIALIZED (
    SELECT
        f.id,
        f.name,
        f.status,
        f.queue,
        f.group_name,
        f.priority,
        f.attempt,
        f.max_attempts,
        f.created_at,
        f.execute_at,
        f.started_at,
        f.finished_at,
        f.target_type,
        f.target_id,
        f.scheduled_job_id,
        NULL::real AS progress,
        f.error
    FROM jobrunner.job_history_failed AS f
    WHERE
        f.id < $2
        AND 'Failed' = ANY($1::text[])
        AND f.finished_at >= coalesce(date_trunc('day', $4::timestamptz, 'UTC'), '-infinity')
    ORDER BY f.id DESC
    LIMIT $3
), windowed AS NOT MATERIALIZED (
    SELECT
        row_number() OVER (ORDER BY n.id DESC) AS place,
        n.*
    FROM (
        SELECT u.*
        FROM (
            SELECT live.* FROM live
            UNION ALL
            SELECT done.* FROM done
            UNION ALL
            SELECT failed.* FROM failed
        ) AS u
        ORDER BY u.id DESC
        LIMIT $3
    ) AS n
), judged AS NOT MATERIALIZED (
    SELECT
        w.*,
        w.status::text = ANY($1)
        AND (coalesce(w.finished_at, w.started_at, w.created_at) >= $4) IS NOT FALSE
        AND (w.name = $5) IS NOT FALSE
        AND (w.queue = $6) IS NOT FALSE
        AND ($7::text IS NULL OR w.group_name IS NOT DISTINCT FROM $7)
        AND ($8::text IS NULL OR w.target_type IS NOT DISTINCT FROM $8)
        AND ($9::text IS NULL OR w.target_id IS NOT DISTINCT FROM $9)
        AND ($10::bigint IS NULL OR w.scheduled_job_id IS NOT DISTINCT FROM $10)
        AS matches
    FROM windowed AS w
)
SELECT
    j.id,
    j.name,
    j.status::text AS status,
    j.queue,
    j.group_name,
    j.priority,
    j.attempt,
    j.max_attempts,
    j.created_at,
    j.execute_at,
    j.started_at,
    j.finished_at,
    j.target_type,
    j.target_id,
    j.scheduled_job_id,
    j.progress,
    left(j.error, 1000) AS error,
    j.matches,
    j.place
FROM judged AS j
WHERE j.matches OR j.place = $3
ORDER BY j.id DESC
LIMIT $11
