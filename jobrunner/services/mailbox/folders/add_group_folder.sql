-- Adds a group folder with its teams: $1 its name, $2 ids of teams
WITH added AS (
    INSERT INTO jobrunner.group_email_folder (name)
    VALUES ($1::text)
    RETURNING id
),

teams AS (
    INSERT INTO jobrunner.group_email_folder_team (group_folder_id, team_id)
    SELECT a.id, t.id
    FROM added AS a
    CROSS JOIN unnest($2::text[]) AS t (id)
    ON CONFLICT DO NOTHING
)

SELECT a.id
FROM added AS a
