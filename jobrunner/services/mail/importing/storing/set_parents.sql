-- What mails are about: what their references name, else what the mail is about that they answer, else whose address
-- they have. Locked in the order of ids.
WITH found AS (
    SELECT g.email_id, p.parent_type, p.parent_id
    FROM jsonb_to_recordset($1::text::jsonb) AS g (email_id bigint, named_type text, named_id text, address_keys text[])
    CROSS JOIN LATERAL (
        SELECT g.named_type AS parent_type, g.named_id AS parent_id, 1 AS rank
        WHERE g.named_type IS NOT NULL
        UNION ALL
        SELECT r.parent_type, r.parent_id, 2
        FROM jobrunner.email AS m
        INNER JOIN jobrunner.email AS r ON r.id = m.replied_id
        WHERE m.id = g.email_id AND r.parent_id IS NOT NULL
        UNION ALL
        SELECT a.parent_type, a.parent_id, 3
        FROM jobrunner.parent_of_addresses(
            ARRAY(
                SELECT k.key
                FROM unnest(g.address_keys) WITH ORDINALITY AS k (key, position)
                WHERE NOT jobrunner.is_own_address(k.key)
                ORDER BY k.position
            ),
            $2::boolean
        ) AS a
        ORDER BY rank
        LIMIT 1
    ) AS p
),

locked AS (
    SELECT e.id, f.parent_type, f.parent_id
    FROM found AS f
    INNER JOIN jobrunner.email AS e ON e.id = f.email_id
    WHERE e.parent_id IS NULL
    ORDER BY e.id
    FOR NO KEY UPDATE OF e
)

UPDATE jobrunner.email AS e
SET parent_type = l.parent_type, parent_id = l.parent_id
FROM locked AS l
WHERE e.id = l.id AND e.parent_id IS NULL
RETURNING e.id, e.parent_type, e.parent_id
