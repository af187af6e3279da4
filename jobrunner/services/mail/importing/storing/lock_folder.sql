-- The checkpoint of a folder, made where there is none. Locked until the commit: another daemon waits here.
INSERT INTO jobrunner.mail_folder_state AS f (account_kind, account_id, folder, epoch, uid_validity)
VALUES ($1::jobrunner.mail_account_kind, $2::bigint, $3::text, $4::bigint, $5::bigint)
ON CONFLICT (account_kind, account_id, folder) DO UPDATE SET folder = excluded.folder
RETURNING f.epoch, f.uid_validity, f.last_uid, f.last_internaldate
