-- Contacts of a portion of a file, and their memberships: $1 list, $2 emails, $3 names, $4 first names, $5 last names,
-- $6 companies, $7 languages, $8 fields. Who has an address already, in the list if one is, is taken as they are.
WITH given AS (
    SELECT DISTINCT ON (jobrunner.address_key(g.email))
        jobrunner.address_key(g.email) AS key,
        g.*
    FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
        WITH ORDINALITY AS g (email, name, first_name, last_name, company, language, fields, place)
    ORDER BY jobrunner.address_key(g.email), g.place
), known AS (
    SELECT DISTINCT ON (g.key) g.key, t.target_id
    FROM given AS g
    JOIN jobrunner.targets() AS t ON t.target_type = 'Contact' AND t.address_key = g.key
    LEFT JOIN jobrunner.target_list_member AS m
        ON m.target_list_id = $1::bigint AND m.target_type = 'Contact' AND m.target_id = t.target_id
    ORDER BY g.key, m.target_id IS NULL, t.target_id
), added AS (
    INSERT INTO jobrunner.contact AS p (first_name, last_name, email, language, fields)
    SELECT g.first_name, g.last_name, g.email, g.language, g.fields::jsonb
    FROM given AS g
    WHERE NOT EXISTS (SELECT FROM known AS k WHERE k.key = g.key)
    ORDER BY g.place
    RETURNING p.id::text AS target_id, jobrunner.address_key(p.email) AS key
), joined AS (
    INSERT INTO jobrunner.target_list_member AS m (target_list_id, target_type, target_id)
    SELECT $1::bigint, 'Contact', f.target_id
    FROM (SELECT k.key, k.target_id FROM known AS k UNION ALL SELECT a.key, a.target_id FROM added AS a) AS f
    JOIN given AS g ON g.key = f.key
    ORDER BY g.place
    ON CONFLICT (target_list_id, target_type, target_id) DO NOTHING
    RETURNING 1
)
SELECT
    (SELECT count(*) FROM added) AS persons_added,
    (SELECT count(*) FROM joined) AS members_added,
    '{}'::bigint[] AS unknown
