-- $1 template, $2 name of the file
DELETE FROM jobrunner.email_template_attachment AS a
WHERE a.email_template_id = $1::bigint AND a.name = $2::text
RETURNING a.id
