-- Removes a webhook with all that is kept of it: $1 which.
DELETE FROM jobrunner.webhook AS w
WHERE w.id = $1::bigint
RETURNING w.id
