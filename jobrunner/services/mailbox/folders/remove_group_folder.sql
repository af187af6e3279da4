-- Removes a group folder: $1 id. Its mails stay with those who have them.
DELETE FROM jobrunner.group_email_folder AS f
WHERE f.id = $1::bigint
RETURNING f.id
