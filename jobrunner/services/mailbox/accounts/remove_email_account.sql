-- Removes a personal account: $1 id. What is known of its reading goes with it, what was imported stays.
DELETE FROM jobrunner.email_account AS a
WHERE a.id = $1
RETURNING a.id
