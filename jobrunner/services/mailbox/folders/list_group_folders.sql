-- The group folders with their teams, and what leads into them
SELECT
    f.id,
    f.name,
    ARRAY(
        SELECT t.name
        FROM jobrunner.group_email_folder_team AS g
        JOIN jobrunner.team AS t ON t.id = g.team_id
        WHERE g.group_folder_id = f.id
        ORDER BY t.name, t.id
    ) AS teams,
    ARRAY(
        SELECT g.team_id
        FROM jobrunner.group_email_folder_team AS g
        WHERE g.group_folder_id = f.id
        ORDER BY g.team_id
    ) AS team_ids,
    (SELECT count(*) FROM jobrunner.email AS e WHERE e.group_folder_id = f.id) AS mails,
    ARRAY(SELECT a.name FROM jobrunner.inbound_email AS a WHERE a.group_email_folder_id = f.id ORDER BY a.name) AS accounts,
    ARRAY(SELECT e.name FROM jobrunner.email_filter AS e WHERE e.group_email_folder_id = f.id ORDER BY e.id) AS filters
FROM jobrunner.group_email_folder AS f
ORDER BY f.name
