-- Removes a scheduled job; the table cancels what it has waiting.
DELETE FROM jobrunner.scheduled_job AS s
WHERE s.id = $1
RETURNING s.id
