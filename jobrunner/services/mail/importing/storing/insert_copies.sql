-- Where mails came in; says which came to this account for the first time.
INSERT INTO jobrunner.email_copy AS c (email_id, account_kind, account_id, folder, uid_validity, uid)
SELECT g.email_id, $1::jobrunner.mail_account_kind, $2::bigint, $3::text, $4::bigint, g.uid
FROM unnest($5::bigint[], $6::bigint[]) AS g (email_id, uid)
ORDER BY g.email_id
ON CONFLICT (email_id, account_kind, account_id) DO UPDATE
SET folder = excluded.folder, uid_validity = excluded.uid_validity, uid = excluded.uid
RETURNING c.email_id, c.xmax = 0 AS is_new
