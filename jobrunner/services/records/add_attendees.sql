INSERT INTO jobrunner.attendee (entity_type, entity_id, user_id)
SELECT $1::text, $2::text, u.id
FROM unnest($3::text[]) AS u (id)
ORDER BY u.id
ON CONFLICT (entity_type, entity_id, user_id) DO NOTHING
