-- What a mail is about: what its references name, else what the mail is about that it answers, else whose address it has.
UPDATE jobrunner.email AS e
SET parent_type = f.parent_type, parent_id = f.parent_id
FROM (
    SELECT $2::text AS parent_type, $3::text AS parent_id, 1 AS rank
    WHERE $2 IS NOT NULL
    UNION ALL
    SELECT r.parent_type, r.parent_id, 2
    FROM jobrunner.email AS m
    INNER JOIN jobrunner.email AS r ON r.id = m.replied_id
    WHERE m.id = $1::bigint AND r.parent_id IS NOT NULL
    UNION ALL
    SELECT p.parent_type, p.parent_id, 3
    FROM jobrunner.parent_of_addresses(
        ARRAY(
            SELECT k.key
            FROM unnest($4::text[]) WITH ORDINALITY AS k (key, position)
            WHERE NOT jobrunner.is_own_address(k.key)
            ORDER BY k.position
        ),
        $5::boolean
    ) AS p
    ORDER BY rank
    LIMIT 1
) AS f
WHERE e.id = $1 AND e.parent_id IS NULL
RETURNING e.parent_type, e.parent_id
