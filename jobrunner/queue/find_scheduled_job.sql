-- The scheduled job of a name, or of an id.
SELECT s.id
FROM jobrunner.scheduled_job AS s
WHERE s.name = $1 OR s.id::text = $1
ORDER BY s.name <> $1
LIMIT 1
