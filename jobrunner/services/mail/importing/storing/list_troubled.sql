-- Mails that could not be taken apart, after id $1, $2 at most
SELECT e.id, e.subject, e.from_string, e.trouble, e.size, e.delivery_date, e.source_sha256
FROM jobrunner.email AS e
WHERE e.trouble IS NOT NULL AND e.id > $1::bigint
ORDER BY e.id
LIMIT $2::integer
