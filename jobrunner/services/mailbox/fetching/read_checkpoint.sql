SELECT
    f.uid_validity,
    f.last_uid,
    f.last_internaldate
FROM jobrunner.mail_folder_state AS f
WHERE f.account_kind = $1::jobrunner.mail_account_kind
    AND f.account_id = $2::bigint
    AND f.folder = $3::text
    AND f.epoch = $4::bigint
