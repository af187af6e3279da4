-- The running job of that name and target, oldest first: what a second one beside it would overlap.
-- Found through the claims, since no index holds what a claim changes.
SELECT
    j.id,
    j.started_at,
    j.target_type,
    j.target_id
FROM jobrunner.claim AS c
CROSS JOIN LATERAL unnest(c.job_ids) AS held (job_id)
JOIN jobrunner.job AS j ON j.id = held.job_id AND j.claim_id = c.id
WHERE j.name = $1 AND NOT j.preparing
ORDER BY j.id
