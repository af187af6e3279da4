INSERT INTO jobrunner.app_user (id, name, email, time_zone, language, active, default_reminders, default_reminders_task)
VALUES (
    coalesce($1::text, nextval('jobrunner.record_id')::text),
    $2::text,
    $3::text,
    $4::text,
    $5::text,
    $6::boolean,
    $7::text::jsonb,
    $8::text::jsonb
)
RETURNING id
