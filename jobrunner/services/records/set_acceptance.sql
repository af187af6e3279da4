UPDATE jobrunner.attendee
SET status = $4::text::jobrunner.acceptance
WHERE entity_type = $1::text AND entity_id = $2::text AND user_id = $3::text
RETURNING user_id
