-- A target with all that a mail says of it: $1 its type and $2 its id, or $3 its address (the first who has that).
SELECT
    t.target_type::text AS target_type,
    t.target_id,
    t.name,
    t.first_name,
    t.last_name,
    t.email,
    t.address_key AS target_key,
    t.language,
    t.account_name,
    t.fields::text AS fields,
    linked.name::text AS linked_name,
    linked.email::text AS linked_email
FROM jobrunner.targets() AS t
LEFT JOIN jobrunner.account AS linked ON linked.id::text = t.account_id
WHERE (t.target_type = $1::text::jobrunner.target_type AND t.target_id = $2::text)
    OR t.address_key = jobrunner.address_key($3::text)
ORDER BY t.target_type, t.target_id
LIMIT 1
