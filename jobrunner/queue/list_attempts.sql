-- The attempts of a job that ended without finishing it, oldest first; of very many the latest.
SELECT
    a.attempt,
    a.outcome,
    a.started_at,
    a.ended_at,
    a.daemon,
    a.error
FROM (
    SELECT
        n.attempt,
        n.outcome::text AS outcome,
        n.started_at,
        n.ended_at,
        n.daemon,
        n.error
    FROM jobrunner.attempt AS n
    WHERE n.job_id = $1
    ORDER BY n.ended_at DESC
    LIMIT $2
) AS a
ORDER BY a.ended_at
