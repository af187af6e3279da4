-- Moves the checkpoint; and forgets that some of these messages ($8) could not be fetched before.
WITH fetched_at_last AS (
    DELETE FROM jobrunner.mail_fetch_failure AS m
    WHERE m.account_kind = $1::jobrunner.mail_account_kind
        AND m.account_id = $2::bigint
        AND m.folder = $3::text
        AND m.uid_validity = $5::bigint
        AND m.uid = ANY ($8::bigint[])
        AND m.email_id IS NULL
)
UPDATE jobrunner.mail_folder_state AS f
SET
    epoch = $4::bigint,
    uid_validity = $5,
    last_uid = CASE WHEN f.epoch = $4 AND f.uid_validity = $5 THEN greatest(f.last_uid, $6::bigint) ELSE $6 END,
    last_internaldate = CASE WHEN f.epoch = $4 THEN greatest(f.last_internaldate, $7::timestamptz) ELSE $7 END,
    validity_changed_at = CASE WHEN f.epoch = $4 AND f.uid_validity <> $5 THEN now() ELSE f.validity_changed_at END
WHERE f.account_kind = $1 AND f.account_id = $2 AND f.folder = $3
RETURNING f.last_uid
