-- $1 address, $2 reason. Who did it first, and when, stays.
INSERT INTO jobrunner.email_address AS e (key, opted_out, opted_out_at, opted_out_reason)
VALUES (jobrunner.address_key($1::text), true, now(), $2::text)
ON CONFLICT (key) DO UPDATE
SET opted_out = true,
    opted_out_at = now(),
    opted_out_reason = EXCLUDED.opted_out_reason
WHERE NOT e.opted_out
RETURNING e.key
