INSERT INTO jobrunner.reminder_list (entity_type, entity_id, user_id, reminders)
VALUES ($1::text, $2::text, $3::text, $4::text::jsonb)
ON CONFLICT (entity_type, entity_id, coalesce(user_id, '')) DO UPDATE SET reminders = excluded.reminders
