-- Why jobs failed today: of the latest $1, how often each job with each reason.
SELECT
    f.name,
    f.reason,
    count(*) AS jobs,
    max(f.id) AS last_job
FROM (
    SELECT
        h.id,
        h.name,
        left(split_part(coalesce(h.error, ''), E'\n', 1), 200) AS reason
    FROM jobrunner.job_history_failed AS h
    WHERE h.finished_at >= date_trunc('day', now(), 'UTC')
    ORDER BY h.id DESC
    LIMIT $1
) AS f
GROUP BY f.name, f.reason
ORDER BY jobs DESC, last_job DESC
LIMIT $2
