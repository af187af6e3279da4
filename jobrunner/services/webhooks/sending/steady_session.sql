-- Plans made once, by index, whatever the tables were at that moment; $1 the process that is our line's own: behind a
-- pooler it is another one, whose session is not ours to set.
SELECT set_config(s.name, s.value, false)
FROM (VALUES ('plan_cache_mode', 'force_generic_plan'), ('enable_seqscan', 'off'), ('jit', 'off')) AS s (name, value)
WHERE pg_backend_pid() = $1::integer
