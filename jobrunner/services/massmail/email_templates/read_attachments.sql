-- $1 template
SELECT a.name, a.content_type, a.content_id, a.content
FROM jobrunner.email_template_attachment AS a
WHERE a.email_template_id = $1::bigint
ORDER BY a.id
