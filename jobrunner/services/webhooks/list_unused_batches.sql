-- Requests that no delivery stands in any more: $1 how long they are kept.
SELECT t.ctid
FROM jobrunner.webhook_batch AS t
WHERE t.created_at < now() - $1::text::interval
    AND NOT EXISTS (
        SELECT
        FROM jobrunner.webhook_delivery AS d
        WHERE d.event_number BETWEEN t.first_number AND t.last_number
            AND d.webhook_id = t.webhook_id
            AND d.batch_id = t.id
    )
ORDER BY t.id
