-- Gives case $1 the files of mail $2. What the text shows (inline) is none of them, nor what was left at the server.
INSERT INTO jobrunner.case_attachment AS c (case_id, position, name, content_type, size, sha256)
SELECT $1::text, a.position, a.name, a.content_type, a.size, a.sha256
FROM jobrunner.email_attachment AS a
WHERE a.email_id = $2::bigint AND a.sha256 IS NOT NULL AND NOT a.is_inline
ORDER BY a.position
RETURNING c.id
