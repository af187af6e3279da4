-- The active member of team $1 (with position $2, unless that is NULL) behind the one who got the last case of them all; the
-- first where that was the last of them, or nobody had one.
WITH member AS (
    SELECT m.user_id
    FROM jobrunner.team_member AS m
    JOIN jobrunner.app_user AS u ON u.id = m.user_id AND coalesce(u.active, true)
    WHERE m.team_id = $1::text AND ($2::text IS NULL OR m.position = $2)
), latest AS (
    SELECT m.user_id
    FROM member AS m
    CROSS JOIN LATERAL (
        SELECT c.number
        FROM jobrunner.case_record AS c
        WHERE c.assigned_user_id = m.user_id
        ORDER BY c.number DESC
        LIMIT 1
    ) AS c
    ORDER BY c.number DESC
    LIMIT 1
)
SELECT m.user_id
FROM member AS m
ORDER BY
    coalesce(m.user_id COLLATE "C" > (SELECT l.user_id FROM latest AS l) COLLATE "C", false) DESC,
    m.user_id COLLATE "C"
LIMIT 1
