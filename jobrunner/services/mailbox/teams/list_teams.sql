-- The teams with what they are for: $1 an id or a name; NULL for all
SELECT
    t.id,
    t.name,
    ARRAY(
        SELECT u.name || coalesce(' (' || m.position || ')', '')
        FROM jobrunner.team_member AS m
        JOIN jobrunner.app_user AS u ON u.id = m.user_id
        WHERE m.team_id = t.id
        ORDER BY u.name, u.id
    ) AS members,
    ARRAY(
        SELECT a.name
        FROM jobrunner.inbound_email AS a
        WHERE a.team_id = t.id
            OR EXISTS (SELECT FROM jobrunner.inbound_email_team AS i WHERE i.inbound_email_id = a.id AND i.team_id = t.id)
        ORDER BY a.name
    ) AS inbound_emails,
    ARRAY(
        SELECT f.name
        FROM jobrunner.group_email_folder_team AS g
        JOIN jobrunner.group_email_folder AS f ON f.id = g.group_folder_id
        WHERE g.team_id = t.id
        ORDER BY f.name
    ) AS group_folders,
    ARRAY(SELECT a.name FROM jobrunner.inbound_email AS a WHERE a.team_id = t.id ORDER BY a.name) AS case_accounts
FROM jobrunner.team AS t
WHERE $1::text IS NULL
    OR t.id = $1
    OR t.name = $1
ORDER BY t.name, t.id
