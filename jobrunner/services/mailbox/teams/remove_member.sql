-- Takes a user out of a team: $1 team, $2 user
DELETE FROM jobrunner.team_member AS m
WHERE m.team_id = $1::text
    AND m.user_id = $2::text
RETURNING m.user_id
