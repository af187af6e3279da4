-- Active scheduled jobs that have a problem or are more than $1 seconds late, the latest first; up to $2.
SELECT
    s.name,
    s.problem,
    s.next_fire_at,
    s.due
FROM (
    SELECT
        n.name,
        n.problem,
        n.next_fire_at,
        coalesce(n.next_fire_at, n.modified_at) AS due
    FROM jobrunner.scheduled_job AS n
    WHERE n.status = 'Active'
) AS s
WHERE s.problem IS NOT NULL OR s.due < clock_timestamp() - make_interval(secs => $1)
ORDER BY s.problem IS NULL, s.due, s.name
LIMIT $2
