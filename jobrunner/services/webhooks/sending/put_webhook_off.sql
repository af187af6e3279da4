-- Gives up a webhook whose requests cannot be signed here: $1 the run's token, $2 which, $3 why, $4 for how long nobody
-- looks at it. Nothing was sent: neither its deliveries nor its endpoint have failed.
UPDATE jobrunner.webhook AS w
SET health = 'unsignable',
    last_error = left($3::text, 1000),
    next_attempt_at = now() + $4::interval,
    sender_token = NULL,
    sender_job = NULL,
    sender_claim = NULL,
    sender_until = NULL,
    served_at = now()
WHERE w.id = $2::bigint AND w.sender_token = $1::bigint
RETURNING w.id
