INSERT INTO jobrunner.account (id, name, email, language, fields)
VALUES (coalesce($1::text, nextval('jobrunner.record_id')::text), $2::text, $3::text, $4::text, $5::text::jsonb)
RETURNING id::text AS id
