-- The active member of team $1 (with position $2, unless that is NULL) with the fewest cases that are not closed; of several
-- the first.
SELECT m.user_id
FROM jobrunner.team_member AS m
JOIN jobrunner.app_user AS u ON u.id = m.user_id AND coalesce(u.active, true)
WHERE m.team_id = $1::text AND ($2::text IS NULL OR m.position = $2)
ORDER BY
    (
        SELECT count(*)
        FROM jobrunner.case_record AS c
        WHERE c.assigned_user_id = m.user_id AND c.status NOT IN ('Closed', 'Rejected', 'Duplicate') AND NOT c.deleted
    ),
    m.user_id COLLATE "C"
LIMIT 1
