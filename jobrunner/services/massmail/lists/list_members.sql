-- $1 list, $2 type and $3 position after which to go on (NULL for the first), $4 how many: in the order in which a list
-- is walked.
SELECT
    m.target_type::text AS target_type,
    m.target_id,
    t.name,
    t.first_name,
    t.last_name,
    t.email,
    t.language,
    CASE WHEN m.target_type <> 'Account' THEN t.account_name END AS company,
    coalesce(t.fields, '{}')::text AS fields,
    m.opted_out OR o.address_key IS NOT NULL AS opted_out,
    coalesce(m.opted_out_at, o.opted_out_at) AS opted_out_at,
    coalesce(e.opted_out, jobrunner.starts_opted_out()) AS address_opted_out,
    coalesce(e.invalid, false) AS address_invalid,
    t.target_id IS NOT NULL AS is_there,
    m.position
FROM (
    SELECT n.*
    FROM jobrunner.target_list_member AS n
    WHERE n.target_list_id = $1::bigint
        AND ($2::text IS NULL OR (n.target_type, n.position) > ($2::text::jobrunner.target_type, $3::bigint))
    ORDER BY n.target_type, n.position
    LIMIT $4::bigint
) AS m
LEFT JOIN jobrunner.targets() AS t ON t.target_type = m.target_type AND t.target_id = m.target_id
LEFT JOIN jobrunner.email_address AS e ON e.key = t.address_key
LEFT JOIN jobrunner.target_list_opt_out AS o ON o.target_list_id = m.target_list_id AND o.address_key = t.address_key
ORDER BY m.target_type, m.position
