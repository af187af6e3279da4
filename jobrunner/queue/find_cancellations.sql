-- Jobs of this daemon that somebody asked to cancel, found through its claims.
SELECT j.id
FROM jobrunner.claim AS c
CROSS JOIN LATERAL unnest(c.job_ids) AS held (job_id)
JOIN jobrunner.job AS j ON j.id = held.job_id AND j.claim_id = c.id
WHERE c.daemon_id = $1 AND j.cancel_requested
