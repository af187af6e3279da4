UPDATE jobrunner.call
SET status = $2::text::jobrunner.meeting_status
WHERE id = $1::text
RETURNING id
