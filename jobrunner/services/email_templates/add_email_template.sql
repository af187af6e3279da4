-- $1 name, $2 subject, $3 body, $4 text beside HTML or NULL, $5 whether the body is HTML, $6 by whom
INSERT INTO jobrunner.email_template (name, subject, body, plain_body, is_html, created_by)
VALUES ($1::text, $2::text, $3::text, $4::text, $5::boolean, $6::text)
RETURNING id
