-- $1 template, $2 name, $3 content type, $4 content id or NULL, $5 content. One of that name is replaced.
INSERT INTO jobrunner.email_template_attachment AS a (email_template_id, name, content_type, content_id, content)
VALUES ($1::bigint, $2::text, $3::text, $4::text, $5::bytea)
ON CONFLICT (email_template_id, name) DO UPDATE
SET content_type = EXCLUDED.content_type,
    content_id = EXCLUDED.content_id,
    content = EXCLUDED.content
RETURNING a.id
