-- One message could not be fetched; how often that was so. After $8 times it is passed by, and asked for again by later
-- runs: after 1, 2, 4, … 32 hours, then only when a person wants it.
INSERT INTO jobrunner.mail_fetch_failure AS f (account_kind, account_id, folder, uid_validity, uid, stage, error)
VALUES ($1::jobrunner.mail_account_kind, $2::bigint, $3::text, $4::bigint, $5::bigint, $6::text, $7::text)
ON CONFLICT (account_kind, account_id, folder, uid_validity, uid) DO UPDATE
SET
    attempts = f.attempts + 1,
    stage = excluded.stage,
    error = excluded.error,
    next_try_at = CASE
        WHEN f.attempts + 1 BETWEEN $8::integer AND $8 + 5 THEN now() + interval '1 h' * power(2, f.attempts + 1 - $8)
    END,
    failed_at = now()
RETURNING f.attempts
