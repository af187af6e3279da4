-- All of the folder $3 up to the UID $6 is done, whether anything of it was imported or not; $7: that is all there is. A row
-- of a later epoch ($4) is left alone: the account was reset meanwhile.
INSERT INTO jobrunner.mail_folder_state AS f (account_kind, account_id, folder, epoch, uid_validity, last_uid, last_ok_at)
SELECT $1::jobrunner.mail_account_kind, $2::bigint, $3::text, $4::bigint, $5::bigint, $6::bigint, CASE WHEN $7::boolean THEN now() END
WHERE EXISTS (SELECT FROM jobrunner.email_account AS e WHERE $1 = 'Personal' AND e.id = $2 AND e.epoch = $4)
    OR EXISTS (SELECT FROM jobrunner.inbound_email AS i WHERE $1 = 'Group' AND i.id = $2 AND i.epoch = $4)
ON CONFLICT (account_kind, account_id, folder) DO UPDATE
SET
    epoch = excluded.epoch,
    uid_validity = excluded.uid_validity,
    last_uid = CASE
        WHEN f.epoch = excluded.epoch AND f.uid_validity = excluded.uid_validity THEN greatest(f.last_uid, excluded.last_uid)
        ELSE excluded.last_uid
    END,
    last_ok_at = CASE WHEN $7 THEN now() ELSE f.last_ok_at END,
    validity_changed_at = CASE
        WHEN f.epoch = excluded.epoch AND f.uid_validity <> excluded.uid_validity THEN now()
        ELSE f.validity_changed_at
    END
WHERE f.epoch <= excluded.epoch
RETURNING f.last_uid
