-- Two imports at once must not both add the person that has an address. $1 table.
SELECT pg_catalog.pg_advisory_xact_lock(5717442, pg_catalog.hashtext('import ' || $1::text))
