-- How many jobs of a queue each daemon runs.
SELECT
    c.daemon_id,
    count(*) AS jobs
FROM jobrunner.claim AS c
CROSS JOIN LATERAL unnest(c.job_ids) AS held (job_id)
CROSS JOIN LATERAL (
    SELECT n.queue
    FROM jobrunner.job AS n
    WHERE n.id = held.job_id AND n.claim_id = c.id
    LIMIT 1  -- so that each is looked up by its id, whatever the planner thinks of the number of claims
) AS j
WHERE j.queue = $1
GROUP BY c.daemon_id
