INSERT INTO jobrunner.mail_fetch_failure AS f (
    account_kind, account_id, folder, uid_validity, uid, stage, error, email_id, source_sha256
)
SELECT $1::jobrunner.mail_account_kind, $2::bigint, $3::text, $4::bigint, g.uid, $5::text, g.error, g.email_id, g.sha256
FROM unnest($6::bigint[], $7::text[], $8::bigint[], $9::bytea[]) AS g (uid, error, email_id, sha256)
ORDER BY g.uid
ON CONFLICT (account_kind, account_id, folder, uid_validity, uid) DO UPDATE
SET
    attempts = f.attempts + 1,
    stage = excluded.stage,
    error = excluded.error,
    email_id = excluded.email_id,
    source_sha256 = excluded.source_sha256,
    failed_at = now()
