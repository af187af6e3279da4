-- The server has the mail of row $1.
DELETE FROM jobrunner.sent_copy AS c
WHERE c.id = $1::bigint
RETURNING c.id
