-- Renews all claims of a daemon and the daemon itself; returns the claims that are still its own, and one NULL where
-- the daemon's row is still there.
-- Rows that are being ended or taken back at this moment are passed over, never waited for.
WITH own AS (
    SELECT c.id
    FROM jobrunner.claim AS c
    WHERE c.daemon_id = $1
    ORDER BY c.id
    FOR UPDATE SKIP LOCKED
), renewed AS (
    UPDATE jobrunner.claim AS c
    SET expires_at = clock_timestamp() + make_interval(secs => $2)
    FROM own
    WHERE c.id = own.id
), seen AS (
    UPDATE jobrunner.daemon AS d
    SET
        seen_at = clock_timestamp(),
        expires_at = clock_timestamp() + make_interval(secs => $2),
        state = $3::jsonb
    WHERE d.id = $1
    RETURNING d.id
)
SELECT c.id
FROM jobrunner.claim AS c
WHERE c.daemon_id = $1
UNION ALL
SELECT NULL
FROM seen
