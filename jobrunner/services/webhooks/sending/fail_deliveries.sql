-- Gives up deliveries that are not to be sent: $1 the run's token, $2 webhooks, $3 numbers, $4 reasons.
UPDATE jobrunner.webhook_delivery AS d
SET status = 'Failed',
    processed_at = now(),
    last_error = left(f.reason, 1000)
FROM unnest($2::bigint[], $3::bigint[], $4::text[]) AS f (webhook_id, number, reason)
JOIN jobrunner.webhook AS w ON w.id = f.webhook_id AND w.sender_token = $1::bigint
WHERE d.webhook_id = f.webhook_id
    AND d.event_number = f.number
    AND d.event_number = ANY ($3::bigint[])
    AND d.status = 'Pending'
RETURNING d.webhook_id, d.event_number AS number
