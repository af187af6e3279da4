DELETE FROM jobrunner.reminder_list
WHERE entity_type = $1::text AND entity_id = $2::text AND user_id IS NOT DISTINCT FROM $3::text
