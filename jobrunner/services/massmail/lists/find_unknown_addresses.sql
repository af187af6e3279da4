-- The addresses of a portion of a file that nobody of a type has: $1 emails, $2 type. Their places (from 1) and their keys,
-- which two spellings of one have in common.
SELECT g.place, g.key
FROM (
    SELECT u.place, jobrunner.address_key(u.email) AS key
    FROM unnest($1::text[]) WITH ORDINALITY AS u (email, place)
) AS g
LEFT JOIN jobrunner.targets() AS t ON t.target_type = $2::text::jobrunner.target_type AND t.address_key = g.key
WHERE t.target_id IS NULL
ORDER BY g.place
