-- Mail $1, if it could not be taken apart
SELECT e.id, e.subject, e.from_string, e.trouble, e.size, e.delivery_date, e.source_sha256
FROM jobrunner.email AS e
WHERE e.id = $1::bigint AND e.trouble IS NOT NULL
