-- Gives up what has waited for too long for webhooks that get nothing: $1 how long, $2 how many at most.
WITH forsaken AS (
    SELECT d.event_number, d.webhook_id
    FROM jobrunner.webhook AS w
    JOIN jobrunner.webhook_delivery AS d ON d.webhook_id = w.id AND d.status = 'Pending'
    WHERE w.off_since < now() - $1::interval
    ORDER BY d.event_number, d.webhook_id
    LIMIT $2::integer
    FOR UPDATE OF d SKIP LOCKED
)
UPDATE jobrunner.webhook_delivery AS d
SET status = 'Failed',
    processed_at = now(),
    last_error = 'its webhook was off'
FROM forsaken AS f
WHERE d.event_number = f.event_number AND d.webhook_id = f.webhook_id AND d.status = 'Pending'
RETURNING d.event_number AS number
