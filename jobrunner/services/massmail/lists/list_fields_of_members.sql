-- The names of the fields that members of a list ($1) have
SELECT DISTINCT f.name
FROM jobrunner.target_list_member AS m
JOIN jobrunner.targets() AS t ON t.target_type = m.target_type AND t.target_id = m.target_id
CROSS JOIN LATERAL jsonb_object_keys(t.fields) AS f (name)
WHERE m.target_list_id = $1::bigint
ORDER BY f.name
