INSERT INTO jobrunner.lead (id, first_name, last_name, email, language, account_name, fields)
VALUES (
    coalesce($1::text, nextval('jobrunner.record_id')::text),
    $2::text,
    $3::text,
    $4::text,
    $5::text,
    $6::text,
    $7::text::jsonb
)
RETURNING id::text AS id
