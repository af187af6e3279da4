-- $1 list, $2 type, $3 ids. That one had opted out stays with its address.
WITH member AS (
    SELECT m.target_list_id, m.target_type, m.target_id
    FROM jobrunner.target_list_member AS m
    WHERE m.target_list_id = $1::bigint
        AND m.target_type = $2::text::jobrunner.target_type
        AND m.target_id = ANY($3::text[])
    ORDER BY m.target_list_id, m.target_type, m.target_id
    FOR UPDATE
), gone AS (
    DELETE FROM jobrunner.target_list_member AS m
    USING member AS f
    WHERE m.target_list_id = f.target_list_id
        AND m.target_type = f.target_type
        AND m.target_id = f.target_id
    RETURNING m.*
), kept AS (
    INSERT INTO jobrunner.target_list_opt_out AS o (target_list_id, address_key, opted_out_at)
    SELECT g.target_list_id, t.address_key, min(coalesce(g.opted_out_at, now()))
    FROM gone AS g
    JOIN jobrunner.targets() AS t ON t.target_type = g.target_type AND t.target_id = g.target_id
    WHERE g.opted_out AND t.address_key <> ''
    GROUP BY g.target_list_id, t.address_key
    ORDER BY t.address_key
    ON CONFLICT (target_list_id, address_key) DO NOTHING
)
SELECT g.target_id
FROM gone AS g
