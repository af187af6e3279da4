-- $1 name, $2 description or NULL, $3 by whom
INSERT INTO jobrunner.target_list (name, description, created_by)
VALUES ($1::text, $2::text, $3::text)
RETURNING id
