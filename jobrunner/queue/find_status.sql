-- What state a job is in, and how it ended.
SELECT
    j.status::text AS status,
    j.attempt,
    j.started_at,
    NULL::timestamptz AS finished_at,
    NULL::text AS error
FROM jobrunner.job AS j
WHERE j.id = $1
UNION ALL
SELECT
    h.status::text,
    h.attempt,
    h.started_at,
    h.finished_at,
    h.error
FROM jobrunner.job_history AS h
WHERE h.id = $1
ORDER BY finished_at DESC NULLS FIRST
LIMIT 1
