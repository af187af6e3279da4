-- The oldest transaction that is open in this database: what it may still see, no vacuum removes.
SELECT
    t.what,
    t.since,
    extract(epoch FROM clock_timestamp() - t.since)::double precision AS seconds
FROM (
    SELECT
        'process ' || a.pid || ' of user ' || coalesce(a.usename, '?')
        || coalesce(', ' || nullif(a.application_name, ''), '') || coalesce(' from ' || host(a.client_addr), '')
        || coalesce(', ' || a.state, '') AS what,
        a.xact_start AS since
    FROM pg_catalog.pg_stat_activity AS a
    WHERE
        a.datname = current_database()
        AND a.backend_type = 'client backend'
        AND a.xact_start IS NOT NULL
        AND a.pid <> pg_backend_pid()
    UNION ALL
    SELECT
        'prepared transaction ' || p.gid || ' of user ' || p.owner AS what,
        p.prepared AS since
    FROM pg_catalog.pg_prepared_xacts AS p
    WHERE p.database = current_database()
) AS t
ORDER BY t.since
LIMIT 1
