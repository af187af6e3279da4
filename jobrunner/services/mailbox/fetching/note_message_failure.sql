-- One message could not be fetched or stored; how often that was so.
INSERT INTO jobrunner.mail_fetch_failure AS f (account_kind, account_id, folder, uid_validity, uid, stage, error)
VALUES ($1::jobrunner.mail_account_kind, $2::bigint, $3::text, $4::bigint, $5::bigint, $6::text, $7::text)
ON CONFLICT (account_kind, account_id, folder, uid_validity, uid) DO UPDATE
SET
    attempts = f.attempts + 1,
    stage = excluded.stage,
    error = excluded.error,
    failed_at = now()
RETURNING f.attempts
