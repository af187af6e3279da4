-- How many jobs wait and run: counted up to $1, beyond that as the statistics have it.
SELECT
    (SELECT count(*) FROM (SELECT FROM jobrunner.job AS j LIMIT $1) AS j) AS live,
    pg_catalog.pg_stat_get_live_tuples('jobrunner.job'::regclass) AS estimate,
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
    ) AS running,
    -- The orders are those of indexes: without one, the rows of other kinds could all be walked over.
    (
        SELECT count(*)
        FROM (
            SELECT
            FROM jobrunner.job AS j
            WHERE j.hold IS NULL
            ORDER BY j.queue, j.blocking, j.priority, j.execute_at, j.id
            LIMIT $1
        ) AS j
    ) AS open,
    (
        SELECT count(*)
        FROM (
            SELECT
            FROM jobrunner.job AS j
            WHERE j.hold IN ('Time', 'Retry') AND j.execute_at <= statement_timestamp()
            ORDER BY j.execute_at, j.id
            LIMIT $1
        ) AS j
    ) AS due
