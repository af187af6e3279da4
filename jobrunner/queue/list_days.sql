-- The day tables of a parent that ended before a moment, the oldest first: $1 parent, $2 the moment.
SELECT
    pg_catalog.format('jobrunner.%I', c.relname) AS name,
    (pg_catalog.to_date(pg_catalog.right(c.relname, 8), 'YYYYMMDD') + 1)::timestamp AT TIME ZONE 'UTC' AS ended_at,
    c.reltuples::bigint AS estimate
FROM pg_catalog.pg_inherits AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = pg_catalog.to_regclass('jobrunner.' || $1::text)
    AND c.relname ~ '_[0-9]{8}$'
    AND (pg_catalog.to_date(pg_catalog.right(c.relname, 8), 'YYYYMMDD') + 1)::timestamp AT TIME ZONE 'UTC' <= $2::timestamptz
ORDER BY c.relname
