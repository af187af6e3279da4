-- Ends what held an account back, since how it connects was changed; but not a person's pause: $1 its key
UPDATE jobrunner.smtp_account_state AS s
SET paused_kind = NULL,
    pause_reason = NULL,
    paused_at = NULL,
    paused_until = NULL,
    cooled_until = NULL,
    cool_downs = 0,
    speed = 1,
    speed_at = clock_timestamp(),
    pace = NULL,
    failures = 0,
    retry_at = NULL
WHERE s.account = $1
    AND s.paused_kind IS DISTINCT FROM 'person'
RETURNING s.account
