-- Who gets what a filter moves into group folders.
SELECT
    g.group_folder_id,
    array_agg(DISTINCT g.team_id) AS team_ids,
    array_remove(array_agg(DISTINCT u.id::text), NULL) AS user_ids
FROM jobrunner.group_email_folder_team AS g
LEFT JOIN jobrunner.team_member AS m ON m.team_id = g.team_id
LEFT JOIN jobrunner.app_user AS u ON u.id = m.user_id AND u.active
WHERE g.group_folder_id = ANY ($1::bigint[])
GROUP BY g.group_folder_id
