-- Adds a folder of a user: $1 the user, $2 its name
INSERT INTO jobrunner.email_folder (user_id, name)
VALUES ($1::text, $2::text)
RETURNING id
