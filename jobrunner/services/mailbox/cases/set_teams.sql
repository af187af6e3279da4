-- Case $1, which is locked, is of the teams $2 from now on; its mails get those that they have not.
WITH left_teams AS (
    DELETE FROM jobrunner.case_team AS t
    WHERE t.case_id = $1::text AND t.team_id <> ALL ($2::text[])
), new_teams AS (
    INSERT INTO jobrunner.case_team (case_id, team_id)
    SELECT $1, t.id
    FROM unnest($2) AS t (id)
    ORDER BY t.id
    ON CONFLICT (case_id, team_id) DO NOTHING
)
INSERT INTO jobrunner.email_team (email_id, team_id)
SELECT e.id, t.id
FROM jobrunner.email AS e
CROSS JOIN unnest($2) AS t (id)
WHERE e.parent_type = 'Case' AND e.parent_id = $1
ORDER BY e.id, t.id
ON CONFLICT (email_id, team_id) DO NOTHING
