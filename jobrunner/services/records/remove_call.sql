UPDATE jobrunner.call
SET deleted = true
WHERE id = $1::text
RETURNING id
