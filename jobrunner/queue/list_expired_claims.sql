-- Claims whose lease ran out more than $1 seconds ago and that no sweep has taken back.
SELECT
    c.daemon_id,
    d.name AS daemon,
    c.expires_at,
    cardinality(c.job_ids) AS jobs,
    c.job_ids[1] AS first_job
FROM jobrunner.claim AS c
LEFT JOIN jobrunner.daemon AS d ON d.id = c.daemon_id
WHERE c.expires_at < clock_timestamp() - make_interval(secs => $1)
ORDER BY c.expires_at, c.id
LIMIT $2
