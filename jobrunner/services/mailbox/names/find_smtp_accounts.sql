-- Accounts that send of that id or name: $1; NULL for the first of all, to name the nearest
SELECT
    t.id::text AS id,
    t.name
FROM jobrunner.smtp_account AS t
WHERE $1::text IS NULL
    OR t.id::text = $1
    OR t.name = $1
ORDER BY t.id
LIMIT 1000
