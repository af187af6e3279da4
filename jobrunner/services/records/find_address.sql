-- What is known of an address, and whether it is known at all.
SELECT
    k.key,
    e.key IS NOT NULL AS is_known,
    coalesce(e.opted_out, jobrunner.starts_opted_out()) AS opted_out,
    coalesce(e.invalid, false) AS invalid,
    e.opted_out_at,
    e.invalid_at,
    e.opted_out_reason,
    e.invalid_reason
FROM (SELECT jobrunner.address_key($1::text) AS key) AS k
LEFT JOIN jobrunner.email_address AS e ON e.key = k.key
