-- The file $1 was fetched: it has the hash $2 and so many octets ($3). Nothing, if somebody else was faster.
UPDATE jobrunner.email_attachment AS a
SET sha256 = $2::bytea, size = $3::bigint
WHERE a.id = $1::bigint AND a.sha256 IS NULL
