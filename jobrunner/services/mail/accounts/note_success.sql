-- The server took something: $1 the account's key.
UPDATE jobrunner.smtp_account_state AS s
SET failures = 0,
    retry_at = NULL
WHERE s.account = $1
    AND s.failures > 0
