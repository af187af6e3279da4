-- Opens case $1 again if it is closed; what was rejected, or is a duplicate of another case, stays so.
UPDATE jobrunner.case_record AS c
SET status = CASE WHEN c.assigned_user_id IS NULL THEN 'New' ELSE 'Assigned' END::jobrunner.case_status,
    modified_at = now()
WHERE c.id = $1::text AND c.status = 'Closed'
RETURNING c.id
