INSERT INTO jobrunner.email_template (name, subject, body, plain_body, is_html, created_by)
VALUES ($1::text, $2::text, $3::text, $4::text, $5::boolean, $6::text)
RETURNING id
