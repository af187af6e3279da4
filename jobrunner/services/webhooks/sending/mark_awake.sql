-- Says that a run looks for new events by itself: $1 its token, $2 for how long.
INSERT INTO jobrunner.webhook_run AS r (token, awake_until)
VALUES ($1::bigint, clock_timestamp() + $2::interval)
ON CONFLICT (token) DO UPDATE
SET awake_until = EXCLUDED.awake_until
