-- The teams of what a mail answers, and those of its case.
INSERT INTO jobrunner.email_team (email_id, team_id)
SELECT DISTINCT f.email_id, f.team_id
FROM (
    SELECT e.id AS email_id, t.team_id
    FROM jobrunner.email AS e
    INNER JOIN jobrunner.email_team AS t ON t.email_id = e.replied_id
    WHERE e.id = ANY ($1::bigint[])
    UNION ALL
    SELECT e.id, t.team_id
    FROM jobrunner.email AS e
    INNER JOIN jobrunner.case_team AS t ON t.case_id = e.parent_id
    WHERE e.id = ANY ($1) AND e.parent_type = 'Case'
) AS f
ORDER BY f.email_id, f.team_id
ON CONFLICT (email_id, team_id) DO NOTHING
