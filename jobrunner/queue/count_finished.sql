-- How many jobs ended today, a day being a table of the history: of each side up to $1 are counted, beyond that the
-- statistics say how many there are, and those counted how they ended.
WITH today AS (
    SELECT
        date_trunc('day', now(), 'UTC') AS midnight,
        to_char(timezone('UTC', now()), '_YYYYMMDD') AS suffix
), counted AS (
    SELECT
        'done' AS side,
        d.status
    FROM (
        SELECT h.status
        FROM jobrunner.job_history_done AS h
        WHERE h.finished_at >= date_trunc('day', now(), 'UTC')
        LIMIT $1
    ) AS d
    UNION ALL
    SELECT
        'failed' AS side,
        f.status
    FROM (
        SELECT h.status
        FROM jobrunner.job_history_failed AS h
        WHERE h.finished_at >= date_trunc('day', now(), 'UTC')
        LIMIT $1
    ) AS f
)
SELECT
    c.side,
    c.status::text AS status,
    count(*) AS counted,
    coalesce(
        pg_catalog.pg_stat_get_live_tuples(to_regclass('jobrunner.job_history_' || c.side || today.suffix)),
        0
    ) AS estimate,
    today.midnight
FROM today
LEFT JOIN counted AS c ON true
GROUP BY c.side, c.status, today.midnight, today.suffix
