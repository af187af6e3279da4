-- Files that were missing when they were last looked for: $1 how many at most.
SELECT f.sha256, true AS was_missing
FROM jobrunner.stored_file AS f
WHERE f.missing_since IS NOT NULL
ORDER BY f.sha256
LIMIT $1::integer
