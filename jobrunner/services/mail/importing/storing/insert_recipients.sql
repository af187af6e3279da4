-- The addresses of mails: $1 rows as JSON
INSERT INTO jobrunner.email_recipient (email_id, role, position, address_key, address, name)
SELECT g.email_id, g.role, g.position, g.address_key, g.address, g.name
FROM jsonb_to_recordset($1::text::jsonb) AS g (
    email_id bigint,
    role jobrunner.email_role,
    position integer,
    address_key text,
    address text,
    name text
)
