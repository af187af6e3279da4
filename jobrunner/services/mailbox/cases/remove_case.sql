-- Deletes case $1, which is locked; Cleanup removes it for good later.
UPDATE jobrunner.case_record AS c
SET deleted = true,
    modified_at = now()
WHERE c.id = $1::text
RETURNING c.id
