-- How far a folder is read: $1 kind and $2 id of its account, $3 its name, $4 the epoch. No row where it was not, since.
SELECT
    f.uid_validity,
    f.last_uid,
    f.last_internaldate,
    -- Numbered anew, and not read to its end since.
    f.validity_changed_at IS NOT NULL AND (f.last_ok_at IS NULL OR f.last_ok_at < f.validity_changed_at) AS is_anew
FROM jobrunner.mail_folder_state AS f
WHERE f.account_kind = $1::jobrunner.mail_account_kind
    AND f.account_id = $2::bigint
    AND f.folder = $3::text
    AND f.epoch = $4::bigint
