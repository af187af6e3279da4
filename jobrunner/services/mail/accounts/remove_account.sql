-- Removes an account: $1 id. Its state and rates go with it.
DELETE FROM jobrunner.smtp_account AS a
WHERE a.id = $1
RETURNING a.id
