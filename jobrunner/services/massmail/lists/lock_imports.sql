-- Two imports at once must not both add the person that has an address. $1 type. And each portion is planned anew: a
-- plan made while the tables were empty would read them whole for every portion.
SELECT
    pg_catalog.set_config('plan_cache_mode', 'force_custom_plan', true) AS planned_anew,
    pg_catalog.pg_advisory_xact_lock(5717442, pg_catalog.hashtext('import ' || $1::text)) AS locked
