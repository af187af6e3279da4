-- How the last run of each job definition ended: the latest of each scheduled job, and what the latest $1 finished jobs
-- show of the others. A definition that ran once, long ago, by itself is not looked for through the whole history.
SELECT DISTINCT ON (r.name)
    r.name,
    r.id,
    r.status,
    r.finished_at
FROM (
    SELECT
        l.name,
        l.id,
        l.status::text AS status,
        l.finished_at
    FROM jobrunner.scheduled_job AS s
    CROSS JOIN LATERAL (
        SELECT
            h.name,
            h.id,
            h.status,
            h.finished_at
        FROM jobrunner.job_history AS h
        WHERE h.scheduled_job_id = s.id
        ORDER BY h.finished_at DESC
        LIMIT 1
    ) AS l
    UNION ALL
    (
        SELECT
            h.name,
            h.id,
            h.status::text AS status,
            h.finished_at
        FROM jobrunner.job_history AS h
        ORDER BY h.id DESC
        LIMIT $1
    )
) AS r
ORDER BY r.name, r.finished_at DESC
