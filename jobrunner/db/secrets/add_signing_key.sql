-- Adds a signing key, unless somebody has added that number: $1 id, $2 purpose, $3 number, $4 the sealed key
INSERT INTO jobrunner.signing_key (id, purpose, number, key)
VALUES ($1::bigint, $2, $3::smallint, $4)
ON CONFLICT (purpose, number) DO NOTHING
RETURNING id
