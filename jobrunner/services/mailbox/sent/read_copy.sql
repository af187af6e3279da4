-- The octets of a mail that waits: $1 its row
SELECT c.content
FROM jobrunner.sent_copy AS c
WHERE c.id = $1::bigint
