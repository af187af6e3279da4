-- How many jobs of a queue each daemon runs.
SELECT
    c.daemon_id,
    count(*) AS jobs
FROM jobrunner.claim AS c
CROSS JOIN LATERAL unnest(c.job_ids) AS held (job_id)
JOIN jobrunner.job AS j ON j.id = held.job_id AND j.claim_id = c.id
WHERE j.queue = $1
GROUP BY c.daemon_id
