-- Which of these definitions never had a default scheduled job.
SELECT w.job
FROM unnest($1::text[]) AS w (job)
WHERE NOT EXISTS (
    SELECT
    FROM jobrunner.seeded_scheduled_job AS x
    WHERE x.job = w.job
)
ORDER BY w.job
