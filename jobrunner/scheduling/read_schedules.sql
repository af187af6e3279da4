-- What firing needs to know of Active scheduled jobs; of all where $1 is NULL.
SELECT
    s.id,
    s.revision,
    s.crontab,
    s.time_zone,
    s.problem,
    s.next_fire_at,
    s.last_fire_at,
    s.modified_at
FROM jobrunner.scheduled_job AS s
WHERE s.status = 'Active' AND ($1::bigint[] IS NULL OR s.id = ANY($1))
ORDER BY s.id
