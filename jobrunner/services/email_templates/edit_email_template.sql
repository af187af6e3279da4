-- $1 id, $2 the columns that change, as JSON
UPDATE jobrunner.email_template AS e
SET (name, subject, body, plain_body, is_html, modified_at) = (
    SELECT p.name, p.subject, p.body, p.plain_body, p.is_html, now()
    FROM jsonb_populate_record(e, $2::text::jsonb) AS p
)
WHERE e.id = $1::bigint
RETURNING e.id
