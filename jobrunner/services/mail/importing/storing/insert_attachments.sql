-- The files of mails: $1 rows as JSON
INSERT INTO jobrunner.email_attachment (email_id, position, name, content_type, size, sha256, content_id, is_inline, section)
SELECT g.email_id, g.position, g.name, g.content_type, g.size, decode(g.sha256, 'hex'), g.content_id, g.is_inline, g.section
FROM jsonb_to_recordset($1::text::jsonb) AS g (
    email_id bigint,
    position integer,
    name text,
    content_type text,
    size bigint,
    sha256 text,
    content_id text,
    is_inline boolean,
    section text
)
ORDER BY g.email_id, g.position
