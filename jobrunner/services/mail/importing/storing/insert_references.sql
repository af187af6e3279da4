-- What mails refer to: $1 mails, $2 places, from 0, $3 Message-IDs or what stands for them
INSERT INTO jobrunner.email_reference (email_id, position, message_ref)
SELECT g.email_id, g.position, g.message_ref
FROM unnest($1::bigint[], $2::integer[], $3::text[]) AS g (email_id, position, message_ref)
