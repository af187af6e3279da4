-- Plans made once, by index, whatever the tables were at that moment; $1 the process that is our line's own: behind a
-- pooler it is another one, whose session is not ours to set. $2 whether all joins look rows up one by one.
SELECT set_config(s.name, s.value, false)
FROM (
    VALUES
        ('plan_cache_mode', 'force_generic_plan', true),
        ('enable_seqscan', 'off', true),
        ('jit', 'off', true),
        ('enable_hashjoin', 'off', $2::boolean),
        ('enable_mergejoin', 'off', $2::boolean),
        ('enable_bitmapscan', 'off', $2::boolean)
) AS s (name, value, wanted)
WHERE pg_backend_pid() = $1::integer AND s.wanted
