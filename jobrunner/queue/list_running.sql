-- One page of the jobs that run, newest first, found through the claims: their number is that of the daemons' places,
-- whatever waits beside them.
SELECT
    j.id,
    j.name,
    j.status::text AS status,
    j.queue,
    j.group_name,
    j.priority,
    j.attempt,
    j.max_attempts,
    j.created_at,
    j.execute_at,
    j.started_at,
    NULL::timestamptz AS finished_at,
    j.target_type,
    j.target_id,
    j.scheduled_job_id,
    j.progress,
    left(j.error, 1000) AS error
FROM jobrunner.claim AS c
CROSS JOIN LATERAL unnest(c.job_ids) AS held (job_id)
CROSS JOIN LATERAL (
    SELECT n.*
    FROM jobrunner.job AS n
    WHERE n.id = held.job_id AND n.claim_id = c.id
    LIMIT 1  -- so that each is looked up by its id, whatever the planner thinks of the number of claims
) AS j
WHERE
    j.id < $1
    AND (j.started_at >= $2::timestamptz) IS NOT FALSE
    AND (j.name = $3) IS NOT FALSE
    AND (j.queue = $4) IS NOT FALSE
    AND ($5::text IS NULL OR j.group_name IS NOT DISTINCT FROM $5)
    AND ($6::text IS NULL OR j.target_type IS NOT DISTINCT FROM $6)
    AND ($7::text IS NULL OR j.target_id IS NOT DISTINCT FROM $7)
    AND ($8::bigint IS NULL OR j.scheduled_job_id IS NOT DISTINCT FROM $8)
ORDER BY j.id DESC
LIMIT $9
