-- Folders of a user, of that id or name: $1; NULL for all; $2 the user
SELECT
    t.id::text AS id,
    t.name
FROM jobrunner.email_folder AS t
WHERE t.user_id = $2::text
    AND ($1::text IS NULL OR t.id::text = $1 OR t.name = $1)
ORDER BY t.id
LIMIT 1000
