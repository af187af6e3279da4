-- Changes a group folder: $1 id, $2 its name, $3 ids of its teams from now on
WITH edited AS (
    UPDATE jobrunner.group_email_folder AS f
    SET name = $2::text
    WHERE f.id = $1::bigint
    RETURNING f.id
),

left_teams AS (
    DELETE FROM jobrunner.group_email_folder_team AS t
    USING edited AS e
    WHERE t.group_folder_id = e.id
        AND t.team_id <> ALL ($3::text[])
),

new_teams AS (
    INSERT INTO jobrunner.group_email_folder_team (group_folder_id, team_id)
    SELECT e.id, t.id
    FROM edited AS e
    CROSS JOIN unnest($3::text[]) AS t (id)
    ON CONFLICT DO NOTHING
)

SELECT e.id
FROM edited AS e
