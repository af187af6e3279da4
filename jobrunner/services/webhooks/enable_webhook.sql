-- Lets a webhook go on as if it had never failed: $1 which.
UPDATE jobrunner.webhook AS w
SET active = true,
    health = 'healthy',
    disabled_reason = NULL,
    failures = 0,
    guard_failures = 0,
    first_failure_at = NULL,
    next_attempt_at = NULL,
    revision = w.revision + 1
WHERE w.id = $1::bigint
RETURNING w.id
