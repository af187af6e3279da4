-- How many jobs wait and run: counted up to $1, beyond that as the statistics have it.
SELECT
    (SELECT count(*) FROM (SELECT FROM jobrunner.job AS j LIMIT $1) AS j) AS live,
    pg_catalog.pg_stat_get_live_tuples('jobrunner.job'::regclass) AS estimate,
    (
        SELECT count(*)
        FROM jobrunner.claim AS c
        CROSS JOIN LATERAL unnest(c.job_ids) AS held (job_id)
        JOIN jobrunner.job AS j ON j.id = held.job_id AND j.claim_id = c.id
    ) AS running,
    (SELECT count(*) FROM (SELECT FROM jobrunner.job AS j WHERE j.hold IS NULL LIMIT $1) AS j) AS open,
    (
        SELECT count(*)
        FROM (
            SELECT
            FROM jobrunner.job AS j
            WHERE j.hold IN ('Time', 'Retry') AND j.execute_at <= clock_timestamp()
            LIMIT $1
        ) AS j
    ) AS due
