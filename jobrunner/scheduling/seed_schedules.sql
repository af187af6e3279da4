-- Makes default scheduled jobs, each once in the life of the installation.
WITH wanted AS (
    SELECT *
    FROM unnest($1::text[], $2::text[], $3::text[]) AS w (job, words, crontab)
), unseen AS (
    INSERT INTO jobrunner.seeded_scheduled_job AS x (job)
    SELECT w.job
    FROM wanted AS w
    ORDER BY w.job
    ON CONFLICT (job) DO NOTHING
    RETURNING x.job
)
INSERT INTO jobrunner.scheduled_job AS s (name, job, crontab, is_default)
SELECT
    CASE WHEN EXISTS (SELECT FROM jobrunner.scheduled_job AS o WHERE o.name = w.words) THEN w.job ELSE w.words END,
    w.job,
    w.crontab,
    true
FROM wanted AS w
JOIN unseen USING (job)
WHERE NOT EXISTS (SELECT FROM jobrunner.scheduled_job AS o WHERE o.job = w.job)
ORDER BY w.job
ON CONFLICT (name) DO NOTHING
RETURNING s.name
