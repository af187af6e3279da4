-- Webhooks with how they do: $1 the id of one, or NULL for all.
SELECT
    w.id,
    w.event,
    w.url,
    w.description,
    w.owner_id,
    w.skip_own,
    w.active,
    w.format::text AS format,
    w.strict_order,
    w.x_signature,
    w.revision,
    w.created_at,
    w.health::text AS health,
    w.disabled_reason,
    w.first_failure_at,
    w.failures,
    w.next_attempt_at,
    w.last_error,
    u.name::text AS owner,
    (
        SELECT count(*)
        FROM jobrunner.webhook_delivery AS d
        WHERE d.webhook_id = w.id AND d.status = 'Pending'
    ) AS waiting,
    (
        SELECT count(*)
        FROM jobrunner.webhook_delivery AS d
        WHERE d.webhook_id = w.id AND d.status = 'Failed'
    ) AS failed,
    (
        SELECT a.started_at
        FROM jobrunner.webhook_attempt AS a
        WHERE a.webhook_id = w.id AND a.reason IS NULL
        ORDER BY a.started_at DESC
        LIMIT 1
    ) AS last_success_at,
    (
        SELECT count(*)
        FROM jobrunner.webhook_secret AS s
        WHERE s.webhook_id = w.id AND (s.valid_until IS NULL OR s.valid_until > now())
    ) AS secrets
FROM jobrunner.webhook AS w
LEFT JOIN jobrunner.app_user AS u ON u.id = w.owner_id
WHERE $1::bigint IS NULL OR w.id = $1::bigint
ORDER BY w.id
