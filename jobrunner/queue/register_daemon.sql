-- Notes a daemon at its start; asleep from the beginning, so that no enqueue before its first look goes unheard.
INSERT INTO jobrunner.daemon (
    id,
    name,
    host,
    pid,
    version,
    expires_at,
    asleep,
    queues,
    definitions
)
VALUES ($1, $2, $3, $4, $5, clock_timestamp() + make_interval(secs => $6), true, $7, $8)
ON CONFLICT (id) DO UPDATE
SET
    expires_at = excluded.expires_at,
    asleep = true,
    definitions = excluded.definitions
