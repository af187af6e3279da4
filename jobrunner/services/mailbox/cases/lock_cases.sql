-- Cases of the numbers $1 that are not deleted; locked, so that nothing changes them meanwhile.
SELECT
    c.id,
    c.number,
    c.name,
    c.status::text AS status,
    c.assigned_user_id
FROM jobrunner.case_record AS c
WHERE c.number = ANY ($1::bigint[]) AND NOT c.deleted
ORDER BY c.number
FOR NO KEY UPDATE
