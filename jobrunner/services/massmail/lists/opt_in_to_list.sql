-- $1 list, $2 address: takes back what opt_out_of_list or a link in a mail has done.
WITH member AS (
    SELECT m.target_list_id, m.target_type, m.target_id
    FROM jobrunner.targets() AS t
    JOIN jobrunner.target_list_member AS m
        ON m.target_list_id = $1::bigint AND m.target_type = t.target_type AND m.target_id = t.target_id
    WHERE t.address_key = jobrunner.address_key($2::text)
    ORDER BY m.target_list_id, m.target_type, m.target_id
    FOR UPDATE OF m
), marked AS (
    UPDATE jobrunner.target_list_member AS m
    SET opted_out = false,
        opted_out_at = NULL
    FROM member AS f
    WHERE m.target_list_id = f.target_list_id
        AND m.target_type = f.target_type
        AND m.target_id = f.target_id
        AND m.opted_out
    RETURNING 1
), released AS (
    DELETE FROM jobrunner.target_list_opt_out AS o
    WHERE o.target_list_id = $1::bigint AND o.address_key = jobrunner.address_key($2::text)
    RETURNING 1
)
SELECT
    (SELECT count(*) FROM member) AS members,
    (SELECT count(*) FROM marked) + (SELECT count(*) FROM released) AS changed
