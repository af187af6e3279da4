-- The scheduled jobs of every job definition.
SELECT
    s.job,
    s.name,
    s.crontab,
    s.time_zone,
    s.status::text AS status,
    s.next_fire_at
FROM jobrunner.scheduled_job AS s
ORDER BY s.job, s.name
