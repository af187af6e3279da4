-- $1 address, $2 reason. The first reason stays. Whether a new address starts opted out is not settled by this.
INSERT INTO jobrunner.email_address AS e (key, opted_out, opted_out_at, opted_out_reason, invalid, invalid_at, invalid_reason)
SELECT
    jobrunner.address_key($1::text),
    s.starts_out,
    CASE WHEN s.starts_out THEN now() END,
    CASE WHEN s.starts_out THEN 'new addresses start opted out' END,
    true,
    now(),
    $2::text
FROM (SELECT jobrunner.starts_opted_out() AS starts_out) AS s
ON CONFLICT (key) DO UPDATE
SET invalid = true,
    invalid_at = now(),
    invalid_reason = EXCLUDED.invalid_reason
WHERE NOT e.invalid
RETURNING e.key
