-- The signing keys of one purpose: $1 purpose
SELECT s.id, s.number::integer AS number, s.key
FROM jobrunner.signing_key AS s
WHERE s.purpose = $1
ORDER BY s.number
