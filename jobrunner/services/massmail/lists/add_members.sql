-- $1 list, $2 type, $3 ids. One row: who was added, and which ids nobody has.
WITH given AS (
    SELECT i.id, min(i.place) AS place
    FROM unnest($3::text[]) WITH ORDINALITY AS i (id, place)
    GROUP BY i.id
), known AS (
    SELECT g.id, g.place
    FROM given AS g
    JOIN jobrunner.targets() AS t ON t.target_type = $2::text::jobrunner.target_type AND t.target_id = g.id
), added AS (
    INSERT INTO jobrunner.target_list_member AS m (target_list_id, target_type, target_id)
    SELECT $1::bigint, $2::text::jobrunner.target_type, k.id
    FROM known AS k
    ORDER BY k.place
    ON CONFLICT (target_list_id, target_type, target_id) DO NOTHING
    RETURNING m.target_id
)
SELECT
    (SELECT count(*) FROM added) AS added,
    ARRAY(
        SELECT g.id
        FROM given AS g
        WHERE NOT EXISTS (SELECT FROM known AS k WHERE k.id = g.id)
        ORDER BY g.place
    ) AS unknown
