INSERT INTO jobrunner.task (id, name, date_start, date_start_date, date_end, date_end_date, assigned_user_id)
VALUES (
    coalesce($1::text, nextval('jobrunner.record_id')::text),
    $2::text,
    $3::timestamptz,
    $4::date,
    $5::timestamptz,
    $6::date,
    $7::text
)
RETURNING id
