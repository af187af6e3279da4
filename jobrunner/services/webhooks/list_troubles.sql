-- Webhooks that get nothing, though somebody wants them to, those that nothing can be signed for, and those that have
-- failed for a while: $1 failures in a row.
SELECT
    w.id,
    w.event,
    w.url,
    w.health::text AS health,
    coalesce(w.disabled_reason, w.last_error) AS reason,
    w.failures,
    w.next_attempt_at
FROM jobrunner.webhook AS w
WHERE w.active
    AND CASE w.health
        WHEN 'disabled' THEN true
        -- Nobody looks at it again while nothing waits.
        WHEN 'unsignable' THEN EXISTS (
            SELECT
            FROM jobrunner.webhook_delivery AS d
            WHERE d.webhook_id = w.id AND d.status = 'Pending'
        )
        ELSE w.failures >= $1::integer
    END
ORDER BY w.id
