-- Webhooks that get nothing, though somebody wants them to, and those that have failed for a while: $1 failures in a row.
SELECT
    w.id,
    w.event,
    w.url,
    w.health = 'disabled' AS is_disabled,
    coalesce(w.disabled_reason, w.last_error) AS reason,
    w.failures,
    w.next_attempt_at
FROM jobrunner.webhook AS w
WHERE w.active AND (w.health = 'disabled' OR w.failures >= $1::integer)
ORDER BY w.id
