-- Scheduled jobs with their last run; all where $1 is NULL, else the one of that name, else the one with the id $2.
SELECT
    s.id,
    s.name,
    s.job,
    s.crontab,
    s.time_zone,
    s.status::text AS status,
    s.next_fire_at,
    s.last_fire_at,
    s.problem,
    s.data,
    s.is_default,
    s.revision,
    s.created_at,
    s.modified_at,
    present.running,
    present.waiting,
    last.id AS last_job_id,
    last.status::text AS last_outcome,
    last.finished_at AS last_ended_at,
    extract(epoch FROM last.finished_at - last.started_at)::float8 AS last_duration,
    last.error AS last_error
FROM jobrunner.scheduled_job AS s
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE j.status = 'Running') AS running,
        count(*) FILTER (WHERE j.status = 'Pending') AS waiting
    FROM jobrunner.job AS j
    WHERE j.scheduled_job_id = s.id
) AS present
LEFT JOIN LATERAL (
    SELECT
        h.id,
        h.status,
        h.started_at,
        h.finished_at,
        left(h.error, 1000) AS error
    FROM jobrunner.job_history AS h
    WHERE h.scheduled_job_id = s.id AND h.started_at IS NOT NULL
    ORDER BY h.finished_at DESC
    LIMIT 1
) AS last ON true
WHERE $1::text IS NULL OR s.name = $1 OR s.id = $2::bigint
ORDER BY
    s.name IS DISTINCT FROM $1,
    lower(s.name),
    s.id
