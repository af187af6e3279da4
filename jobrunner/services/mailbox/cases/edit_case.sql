-- Changes case $1, which is locked: $2 name, $3 description, $4 status, $5 whom it is assigned to.
UPDATE jobrunner.case_record AS c
SET name = $2::text,
    description = coalesce($3::text, c.description),
    status = $4::text::jobrunner.case_status,
    assigned_user_id = $5::text,
    modified_at = now()
WHERE c.id = $1::text
RETURNING c.id
