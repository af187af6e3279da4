-- Who gets the mail of a group account. The lock keeps a reset waiting until the import is committed.
SELECT
    a.epoch,
    ARRAY(
        SELECT m.user_id
        FROM jobrunner.team_member AS m
        INNER JOIN jobrunner.app_user AS u ON u.id = m.user_id AND u.active
        WHERE (
                a.add_all_team_users
                AND (m.team_id = a.team_id OR m.team_id IN (SELECT t.team_id FROM jobrunner.inbound_email_team AS t WHERE t.inbound_email_id = a.id))
            )
            OR m.team_id IN (SELECT g.team_id FROM jobrunner.group_email_folder_team AS g WHERE g.group_folder_id = a.group_email_folder_id)
        UNION
        SELECT u.id
        FROM jobrunner.app_user AS u
        WHERE u.id = a.assign_to_user_id AND u.active
        ORDER BY 1
    ) AS user_ids,
    a.assign_to_user_id AS assigned_user_id,
    NULL::bigint AS folder_id,
    a.group_email_folder_id AS group_folder_id,
    ARRAY(
        SELECT t.team_id
        FROM jobrunner.inbound_email_team AS t
        WHERE t.inbound_email_id = a.id
        UNION
        SELECT a.team_id
        WHERE a.team_id IS NOT NULL
        UNION
        SELECT g.team_id
        FROM jobrunner.group_email_folder_team AS g
        WHERE g.group_folder_id = a.group_email_folder_id
        ORDER BY 1
    ) AS team_ids
FROM jobrunner.inbound_email AS a
WHERE a.id = $1::bigint AND $2::text IS NOT NULL
FOR SHARE OF a
