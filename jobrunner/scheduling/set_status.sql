-- Pauses or resumes a scheduled job.
UPDATE jobrunner.scheduled_job AS s
SET status = $2::text::jobrunner.scheduled_job_status
WHERE s.id = $1
RETURNING s.id
