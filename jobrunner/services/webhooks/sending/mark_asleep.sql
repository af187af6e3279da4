-- Says that a run does not look any more: $1 its token. Those that are lost go, too.
WITH gone AS (
    SELECT r.token
    FROM jobrunner.webhook_run AS r
    WHERE r.token = $1::bigint OR r.awake_until < clock_timestamp() - interval '1 hour'
    ORDER BY r.token
    FOR UPDATE
)
DELETE FROM jobrunner.webhook_run AS r
USING gone
WHERE r.token = gone.token
