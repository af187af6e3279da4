-- How many scheduled jobs are active, how many of them are more than $1 seconds late, how many have a problem.
SELECT
    count(*) AS active,
    count(*) FILTER (WHERE s.problem IS NULL AND s.late) AS late,
    count(*) FILTER (WHERE s.problem IS NOT NULL) AS with_problem
FROM (
    SELECT
        n.problem,
        coalesce(n.next_fire_at, n.modified_at) < clock_timestamp() - make_interval(secs => $1) AS late
    FROM jobrunner.scheduled_job AS n
    WHERE n.status = 'Active'
) AS s
