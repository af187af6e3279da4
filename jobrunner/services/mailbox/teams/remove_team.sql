-- Removes a team: $1 id. Its members stay users, what it has stays with its users.
DELETE FROM jobrunner.team AS t
WHERE t.id = $1::text
RETURNING t.id
