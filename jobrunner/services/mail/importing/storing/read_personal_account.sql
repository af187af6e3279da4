-- Who gets the mail of a personal account. The lock keeps a reset waiting until the import is committed.
SELECT
    a.epoch,
    ARRAY[a.assigned_user_id] AS user_ids,
    a.assigned_user_id AS assigned_user_id,
    coalesce(f.id, a.email_folder_id) AS folder_id,
    NULL::bigint AS group_folder_id,
    ARRAY(SELECT m.team_id FROM jobrunner.team_member AS m WHERE m.user_id = a.assigned_user_id AND m.is_default) AS team_ids
FROM jobrunner.email_account AS a
LEFT JOIN jobrunner.email_folder AS f ON f.id::text = a.folder_map ->> $2::text AND f.user_id = a.assigned_user_id
WHERE a.id = $1::bigint
FOR SHARE OF a
