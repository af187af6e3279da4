-- The server was not there: $1 the account's key, $2 what was met. Within the wait that another one began, nothing changes.
INSERT INTO jobrunner.smtp_account_state AS s (account, failures, retry_at, last_trouble, last_trouble_at)
VALUES ($1, 1, clock_timestamp() + interval '5 s', $2::text, clock_timestamp())
ON CONFLICT (account) DO UPDATE
SET failures = least(s.failures + 1, 1000),
    retry_at = excluded.last_trouble_at + least(interval '10 min', interval '5 s' * 2 ^ least(s.failures, 10)),
    last_trouble = excluded.last_trouble,
    last_trouble_at = excluded.last_trouble_at
WHERE s.retry_at IS NULL
    OR s.retry_at <= excluded.last_trouble_at
RETURNING s.retry_at
