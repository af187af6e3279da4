UPDATE jobrunner.mail_folder_state AS f
SET
    epoch = $4::bigint,
    uid_validity = $5::bigint,
    last_uid = CASE WHEN f.epoch = $4 AND f.uid_validity = $5 THEN greatest(f.last_uid, $6::bigint) ELSE $6 END,
    last_internaldate = CASE WHEN f.epoch = $4 THEN greatest(f.last_internaldate, $7::timestamptz) ELSE $7 END,
    last_ok_at = now(),
    validity_changed_at = CASE WHEN f.epoch = $4 AND f.uid_validity <> $5 THEN now() ELSE f.validity_changed_at END
WHERE f.account_kind = $1::jobrunner.mail_account_kind AND f.account_id = $2::bigint AND f.folder = $3::text
RETURNING f.last_uid
