-- Gives a user's folder another name: $1 id, $2 the name
UPDATE jobrunner.email_folder AS f
SET name = $2::text
WHERE f.id = $1::bigint
RETURNING f.id
