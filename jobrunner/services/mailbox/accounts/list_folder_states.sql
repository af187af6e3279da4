-- How far the folders of an account are read: $1 its kind, $2 its id
SELECT
    f.folder,
    f.last_uid,
    f.last_internaldate,
    f.last_ok_at,
    f.validity_changed_at,
    (
        SELECT count(*)
        FROM jobrunner.mail_fetch_failure AS m
        WHERE m.account_kind = f.account_kind AND m.account_id = f.account_id AND m.folder = f.folder
    ) AS failures
FROM jobrunner.mail_folder_state AS f
WHERE f.account_kind = $1::text::jobrunner.mail_account_kind
    AND f.account_id = $2::bigint
ORDER BY f.folder
