-- Removes a user's folder: $1 id. Its mails are found in the inbox then.
DELETE FROM jobrunner.email_folder AS f
WHERE f.id = $1::bigint
RETURNING f.id
