-- Removes daemons whose time ran out and that hold nothing any more: their claims are taken back first.
WITH gone AS (
    SELECT d.id
    FROM jobrunner.daemon AS d
    WHERE
        d.expires_at < clock_timestamp()
        AND NOT EXISTS (
            SELECT
            FROM jobrunner.claim AS c
            WHERE c.daemon_id = d.id
        )
    ORDER BY d.id
    FOR UPDATE SKIP LOCKED  -- one that comes back at this moment, or that another sweep removes
)
DELETE FROM jobrunner.daemon AS d
USING gone
WHERE d.id = gone.id
RETURNING d.name
