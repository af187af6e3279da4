-- The row stays, or is made: an address that is known does not start opted out.
INSERT INTO jobrunner.email_address AS e (key)
VALUES (jobrunner.address_key($1::text))
ON CONFLICT (key) DO UPDATE
SET opted_out = false,
    opted_out_at = NULL,
    opted_out_reason = NULL
WHERE e.opted_out
RETURNING e.key
