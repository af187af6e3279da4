-- Ends whatever holds an account back: $1 kind, $2 id. What its last trouble was stays to be read.
UPDATE jobrunner.mail_account_state AS s
SET
    paused_kind = NULL,
    pause_reason = NULL,
    paused_at = NULL,
    failures = 0,
    failing_since = NULL,
    retry_at = NULL
WHERE s.account_kind = $1::jobrunner.mail_account_kind
    AND s.account_id = $2::bigint
    AND (s.paused_kind IS NOT NULL OR s.failures > 0 OR s.retry_at IS NOT NULL)
RETURNING s.account_id
