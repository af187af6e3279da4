-- Ends whatever holds an account back: $1 its key, $2 whether a pause by a person, too. What its last trouble was stays
-- to be read.
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
    AND ($2::boolean OR s.paused_kind IS DISTINCT FROM 'person')
    AND (
        s.paused_kind IS NOT NULL
        OR s.cooled_until > clock_timestamp()
        OR s.failures > 0
        OR jobrunner.mail_speed(s.speed, s.speed_at, clock_timestamp()) < 1
    )
RETURNING s.account
