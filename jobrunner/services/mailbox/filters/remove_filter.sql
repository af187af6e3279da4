-- Removes a filter: $1 id
DELETE FROM jobrunner.email_filter AS f
WHERE f.id = $1
RETURNING f.id
