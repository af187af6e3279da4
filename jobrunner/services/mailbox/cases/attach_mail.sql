-- Puts mail $1 into case $2: it gets the case's teams, and $3, to whom that is assigned.
WITH about AS (
    UPDATE jobrunner.email AS e
    SET parent_type = 'Case',
        parent_id = $2::text
    WHERE e.id = $1::bigint
), teams AS (
    INSERT INTO jobrunner.email_team (email_id, team_id)
    SELECT $1, t.team_id
    FROM jobrunner.case_team AS t
    WHERE t.case_id = $2
    ORDER BY t.team_id
    ON CONFLICT (email_id, team_id) DO NOTHING
)
INSERT INTO jobrunner.email_user AS u (email_id, user_id, is_assigned)
SELECT $1, $3::text, true
WHERE $3 IS NOT NULL
ON CONFLICT (email_id, user_id) DO UPDATE
SET is_assigned = true
RETURNING u.user_id
