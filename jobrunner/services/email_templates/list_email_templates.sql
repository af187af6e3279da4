-- $1 name or id of one, or NULL for all.
SELECT
    e.id,
    e.name,
    e.subject,
    e.body,
    e.plain_body,
    e.is_html,
    ARRAY(
        SELECT a.name
        FROM jobrunner.email_template_attachment AS a
        WHERE a.email_template_id = e.id
        ORDER BY a.id
    ) AS attachments,
    ARRAY(
        SELECT m.name
        FROM jobrunner.mass_email AS m
        WHERE m.email_template_id = e.id
        ORDER BY m.id
    ) AS mass_emails,
    e.created_at,
    e.created_by,
    e.modified_at
FROM jobrunner.email_template AS e
WHERE $1::text IS NULL OR e.name = $1::text OR e.id = CASE WHEN $1::text ~ '^[0-9]{1,18}$' THEN $1::bigint END
ORDER BY e.name
