-- Case $1, unless it is deleted; locked against being reopened or deleted at the same moment.
SELECT c.id, c.number, c.name, c.assigned_user_id
FROM jobrunner.case_record AS c
WHERE c.id = $1::text AND NOT c.deleted
FOR NO KEY UPDATE
