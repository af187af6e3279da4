-- The files of template $1, and the images of its text.
SELECT a.name, a.content, a.content_type AS media_type, a.content_id
FROM jobrunner.email_template_attachment AS a
WHERE a.email_template_id = $1::bigint
ORDER BY a.id
