-- Memberships of those in a portion of a file whom the application has added: $1 list, $2 emails, $3 type. The places
-- (from 1) of addresses that nobody of that type has are returned.
WITH given AS (
    SELECT jobrunner.address_key(g.email) AS key, g.place
    FROM unnest($2::text[]) WITH ORDINALITY AS g (email, place)
), known AS (
    SELECT DISTINCT ON (g.key) g.key, t.target_id, min(g.place) OVER (PARTITION BY g.key) AS place
    FROM given AS g
    JOIN jobrunner.targets() AS t ON t.target_type = $3::text::jobrunner.target_type AND t.address_key = g.key
    LEFT JOIN jobrunner.target_list_member AS m
        ON m.target_list_id = $1::bigint AND m.target_type = t.target_type AND m.target_id = t.target_id
    ORDER BY g.key, m.target_id IS NULL, t.target_id
), joined AS (
    INSERT INTO jobrunner.target_list_member AS m (target_list_id, target_type, target_id)
    SELECT $1::bigint, $3::text::jobrunner.target_type, k.target_id
    FROM known AS k
    ORDER BY k.place
    ON CONFLICT (target_list_id, target_type, target_id) DO NOTHING
    RETURNING 1
)
SELECT
    0::bigint AS persons_added,
    (SELECT count(*) FROM joined) AS members_added,
    ARRAY(
        SELECT g.place
        FROM given AS g
        WHERE NOT EXISTS (SELECT FROM known AS k WHERE k.key = g.key)
        ORDER BY g.place
    ) AS unknown
