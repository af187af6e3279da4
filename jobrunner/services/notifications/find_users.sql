-- Users that are called so, by id (place 1), address (2) or name (3); where nobody is, some others (4): $1 id, address or
-- name
WITH called AS (
    SELECT
        u.id::text AS id,
        u.name::text AS name,
        CASE WHEN u.id = $1::text THEN 1 WHEN jobrunner.address_key(u.email) = jobrunner.address_key($1::text) THEN 2 ELSE 3 END AS place
    FROM jobrunner.app_user AS u
    WHERE u.id = $1::text
        OR jobrunner.address_key(u.email) = jobrunner.address_key($1::text)
        OR u.name = $1::text
    ORDER BY 3, 1
    LIMIT 100
)
SELECT c.id, c.name, c.place
FROM called AS c
UNION ALL
(
    SELECT u.id::text, u.name::text, 4
    FROM jobrunner.app_user AS u
    WHERE NOT EXISTS (SELECT FROM called)
    ORDER BY u.id
    LIMIT 1000
)
ORDER BY 3, 1
