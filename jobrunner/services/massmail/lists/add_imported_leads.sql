-- Leads of a file: $1 emails, $2 names, $3 first and $4 last names, $5 companies, $6 languages, $7 fields.
INSERT INTO jobrunner.lead (first_name, last_name, account_name, email, language, fields)
SELECT g.first_name, g.last_name, g.company, g.email, g.language, g.fields::jsonb
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
    WITH ORDINALITY AS g (email, name, first_name, last_name, company, language, fields, place)
ORDER BY g.place
RETURNING id
