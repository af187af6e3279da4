UPDATE jobrunner.task
SET status = $2::text::jobrunner.task_status
WHERE id = $1::text
RETURNING id
