-- The members of a team: $1 its id
SELECT
    m.user_id,
    u.name,
    u.email,
    u.active,
    m.position,
    m.is_default
FROM jobrunner.team_member AS m
JOIN jobrunner.app_user AS u ON u.id = m.user_id
WHERE m.team_id = $1::text
ORDER BY u.name, u.id
