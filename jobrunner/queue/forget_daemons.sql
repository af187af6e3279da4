-- Removes daemons whose time ran out and that hold nothing any more: their claims are taken back first.
DELETE FROM jobrunner.daemon AS d
WHERE
    d.expires_at < clock_timestamp()
    AND NOT EXISTS (
        SELECT
        FROM jobrunner.claim AS c
        WHERE c.daemon_id = d.id
    )
RETURNING d.name
