-- Makes members of a list ($1) of those who have the addresses of a portion of a file: $2 emails, $3 type. Where several
-- have one, of who is in the list already, else of the first.
WITH given AS (
    SELECT jobrunner.address_key(g.email) AS key, min(g.place) AS place
    FROM unnest($2::text[]) WITH ORDINALITY AS g (email, place)
    GROUP BY jobrunner.address_key(g.email)
), known AS (
    SELECT DISTINCT ON (g.key) g.key, g.place, t.target_id
    FROM given AS g
    JOIN jobrunner.targets() AS t ON t.target_type = $3::text::jobrunner.target_type AND t.address_key = g.key
    LEFT JOIN jobrunner.target_list_member AS m
        ON m.target_list_id = $1::bigint AND m.target_type = t.target_type AND m.target_id = t.target_id
    ORDER BY g.key, m.target_id IS NULL, t.target_id
)
INSERT INTO jobrunner.target_list_member AS m (target_list_id, target_type, target_id)
SELECT $1::bigint, $3::text::jobrunner.target_type, k.target_id
FROM known AS k
ORDER BY k.place
ON CONFLICT (target_list_id, target_type, target_id) DO NOTHING
RETURNING m.target_id
