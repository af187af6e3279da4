-- Every daemon that has not been forgotten, with what it holds.
SELECT
    d.id,
    d.name,
    d.host,
    d.pid,
    d.version,
    d.started_at,
    d.seen_at,
    d.expires_at >= clock_timestamp() AS alive,
    d.queues,
    d.definitions,
    d.state::text AS state,
    (
        SELECT count(*)
        FROM jobrunner.claim AS c
        CROSS JOIN LATERAL unnest(c.job_ids) AS held (job_id)
        CROSS JOIN LATERAL (
            SELECT
            FROM jobrunner.job AS n
            WHERE n.id = held.job_id AND n.claim_id = c.id
            LIMIT 1  -- so that each is looked up by its id, whatever the planner thinks of the number of claims
        ) AS j
        WHERE c.daemon_id = d.id
    ) AS jobs
FROM jobrunner.daemon AS d
ORDER BY d.name, d.started_at
