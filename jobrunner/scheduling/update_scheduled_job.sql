-- Edits a scheduled job that is still as it was read; what follows from it is the table's own business (its triggers).
UPDATE jobrunner.scheduled_job AS s
SET
    name = $3,
    job = $4,
    crontab = $5,
    time_zone = $6,
    status = $7::text::jobrunner.scheduled_job_status,
    data = $8::jsonb
FROM jobrunner.refuse_data($8::jsonb)
WHERE s.id = $1 AND s.revision = $2
RETURNING s.id
