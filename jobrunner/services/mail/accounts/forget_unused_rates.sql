-- Deletes buckets of receiving domains that nobody took from for so long that they are full
WITH unused AS (
    SELECT r.account, r.scope
    FROM jobrunner.mail_rate AS r
    WHERE r.scope <> ''
        AND r.refreshed_at < clock_timestamp() - interval '2 hours'
    ORDER BY r.account, r.scope
    FOR UPDATE SKIP LOCKED
)
DELETE FROM jobrunner.mail_rate AS r
USING unused
WHERE r.account = unused.account
    AND r.scope = unused.scope
RETURNING r.scope
