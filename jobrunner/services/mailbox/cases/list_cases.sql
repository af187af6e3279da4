-- Cases, the newest first: of number $1, of the statuses $2, of user $3 (assigned to nobody: $4), of team $5, with $6 in the
-- name, of a lower number than $7; $8 at most. NULL is for all.
SELECT
    c.id,
    c.number,
    c.name,
    c.status::text AS status,
    c.assigned_user_id,
    u.name::text AS assigned_user,
    ARRAY(
        SELECT t.name
        FROM jobrunner.case_team AS m
        INNER JOIN jobrunner.team AS t ON t.id = m.team_id
        WHERE m.case_id = c.id
        ORDER BY t.name, t.id
    ) AS teams,
    (SELECT count(*) FROM jobrunner.email AS e WHERE e.parent_type = 'Case' AND e.parent_id = c.id) AS emails,
    c.created_at,
    c.modified_at
FROM jobrunner.case_record AS c
LEFT JOIN jobrunner.app_user AS u ON u.id::text = c.assigned_user_id
WHERE NOT c.deleted
    AND ($1::bigint IS NULL OR c.number = $1)
    AND ($2::text[] IS NULL OR c.status = ANY ($2::text[]::jobrunner.case_status[]))
    AND ($3::text IS NULL OR c.assigned_user_id = $3)
    AND (NOT $4::boolean OR c.assigned_user_id IS NULL)
    AND ($5::text IS NULL OR EXISTS (SELECT FROM jobrunner.case_team AS m WHERE m.case_id = c.id AND m.team_id = $5))
    AND ($6::text IS NULL OR strpos(lower(c.name), lower($6)) > 0)
    AND ($7::bigint IS NULL OR c.number < $7)
ORDER BY c.number DESC
LIMIT $8::integer
