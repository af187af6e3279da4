-- Adds a scheduled job; no row where its name is taken. Its next fire time is computed afterwards.
INSERT INTO jobrunner.scheduled_job AS s (
    name,
    job,
    crontab,
    time_zone,
    status,
    data
)
SELECT
    $1::text,
    $2::text,
    $3::text,
    $4::text,
    $5::text::jobrunner.scheduled_job_status,
    $6::jsonb
FROM jobrunner.refuse_data($6::jsonb)
ON CONFLICT (name) DO NOTHING
RETURNING s.id
