-- A mail could again not be stored: in twice the time, up to 32 hours; then only a person tries again.
UPDATE jobrunner.mail_fetch_failure AS m
SET
    attempts = m.attempts + 1,
    error = $2::text,
    next_try_at = CASE WHEN m.attempts < 6 THEN now() + interval '1 h' * power(2, m.attempts) END,
    failed_at = now()
WHERE m.id = $1::bigint
