-- $1 list, $2 address: its members with that address, or where there is none the address itself.
WITH member AS (
    SELECT m.target_list_id, m.target_type, m.target_id, m.opted_out
    FROM jobrunner.targets() AS t
    JOIN jobrunner.target_list_member AS m
        ON m.target_list_id = $1::bigint AND m.target_type = t.target_type AND m.target_id = t.target_id
    WHERE t.address_key = jobrunner.address_key($2::text)
    ORDER BY m.target_list_id, m.target_type, m.target_id
    FOR UPDATE OF m
), marked AS (
    UPDATE jobrunner.target_list_member AS m
    SET opted_out = true,
        opted_out_at = now()
    FROM member AS f
    WHERE m.target_list_id = f.target_list_id
        AND m.target_type = f.target_type
        AND m.target_id = f.target_id
        AND NOT m.opted_out
    RETURNING 1
), kept AS (
    INSERT INTO jobrunner.target_list_opt_out AS o (target_list_id, address_key)
    SELECT $1::bigint, jobrunner.address_key($2::text)
    WHERE NOT EXISTS (SELECT FROM member)
    ON CONFLICT (target_list_id, address_key) DO NOTHING
    RETURNING 1
)
SELECT
    (SELECT count(*) FROM member) AS members,
    (SELECT count(*) FROM marked) + (SELECT count(*) FROM kept) AS changed
