UPDATE jobrunner.email_address AS e
SET invalid = false,
    invalid_at = NULL,
    invalid_reason = NULL
WHERE e.key = jobrunner.address_key($1::text) AND e.invalid
RETURNING e.key
