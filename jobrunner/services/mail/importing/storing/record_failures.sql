-- What could not be stored is tried again by later runs, after 1, 2, 4, … 32 hours; what could not be read, by a later version.
INSERT INTO jobrunner.mail_fetch_failure AS f (
    account_kind, account_id, folder, uid_validity, uid, stage, error, email_id, source_sha256, next_try_at
)
SELECT
    $1::jobrunner.mail_account_kind, $2::bigint, $3::text, $4::bigint, g.uid, g.stage, g.error, g.email_id, g.sha256,
    CASE WHEN g.stage = 'store' THEN now() + interval '1 h' END
FROM unnest($5::text[], $6::bigint[], $7::text[], $8::bigint[], $9::bytea[]) AS g (stage, uid, error, email_id, sha256)
ORDER BY g.uid
ON CONFLICT (account_kind, account_id, folder, uid_validity, uid) DO UPDATE
SET
    attempts = f.attempts + 1,
    stage = excluded.stage,
    error = excluded.error,
    email_id = excluded.email_id,
    source_sha256 = excluded.source_sha256,
    next_try_at = excluded.next_try_at,
    failed_at = now()
