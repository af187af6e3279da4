-- Makes a user a member of a team, or changes what the member is in it: $1 team, $2 user, $3 position, $4 whether it is the
-- user's default team; of what is NULL nothing changes, '' takes the position away
INSERT INTO jobrunner.team_member AS m (team_id, user_id, position, is_default)
VALUES ($1::text, $2::text, nullif($3::text, ''), coalesce($4::boolean, false))
ON CONFLICT (team_id, user_id) DO UPDATE
SET
    position = CASE WHEN $3 IS NULL THEN m.position ELSE excluded.position END,
    is_default = coalesce($4, m.is_default)
RETURNING m.user_id
