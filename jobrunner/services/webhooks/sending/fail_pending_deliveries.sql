-- Gives up all that waits for a webhook that is disabled: $1 which, $2 why.
UPDATE jobrunner.webhook_delivery AS d
SET status = 'Failed',
    processed_at = now(),
    last_error = left($2::text, 1000)
WHERE d.webhook_id = $1::bigint
    AND d.status = 'Pending'
    AND EXISTS (SELECT FROM jobrunner.webhook AS w WHERE w.id = $1::bigint AND w.health = 'disabled')
RETURNING d.event_number AS number
