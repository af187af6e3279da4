-- Runs a scheduled job now (see jobrunner.run_scheduled_job).
SELECT jobrunner.run_scheduled_job($1) AS job_id
