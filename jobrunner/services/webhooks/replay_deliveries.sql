-- Has deliveries of a webhook sent again, in the order of their numbers, and wakes the job: $1 which webhook, $2 numbers of
-- events or NULL, $3 and $4 from when to when those events occurred, $5 whether those that succeeded go, too, $6 how many
-- at most, $7 the number after which to go on, $8 when the replay began: what ends after that is none of it. What waits
-- for another attempt goes at once.
WITH wanted AS (
    SELECT d.event_number, d.webhook_id
    FROM jobrunner.webhook_delivery AS d
    JOIN jobrunner.webhook_event AS e ON e.number = d.event_number
    WHERE d.webhook_id = $1::bigint
        AND d.event_number > $7::bigint
        AND (d.processed_at IS NULL OR d.processed_at <= $8::timestamptz)
        AND ($2::bigint[] IS NULL OR d.event_number = ANY ($2::bigint[]))
        AND ($3::timestamptz IS NULL OR e.occurred_at >= $3::timestamptz)
        AND ($4::timestamptz IS NULL OR e.occurred_at < $4::timestamptz)
        AND CASE d.status
            WHEN 'Failed' THEN true
            WHEN 'Success' THEN $5::boolean
            ELSE $2::bigint[] IS NOT NULL AND d.process_at > now()
        END
    ORDER BY d.event_number
    LIMIT $6::integer
    FOR UPDATE OF d
), replayed AS (
    UPDATE jobrunner.webhook_delivery AS d
    SET status = 'Pending',
        is_manual = d.status <> 'Pending' OR d.is_manual,
        attempts = CASE WHEN d.status = 'Pending' THEN d.attempts ELSE 0 END,
        batch_limit = CASE WHEN d.status = 'Pending' THEN d.batch_limit END,
        batch_id = CASE WHEN d.status = 'Pending' THEN d.batch_id END,
        process_at = now(),
        processed_at = NULL,
        last_error = CASE WHEN d.status = 'Pending' THEN d.last_error END
    FROM wanted AS w
    WHERE d.event_number = w.event_number AND d.webhook_id = w.webhook_id
    RETURNING d.event_number
)
SELECT
    ARRAY(SELECT r.event_number FROM replayed AS r ORDER BY r.event_number) AS numbers,
    jobrunner.wake_webhooks() AS woken
