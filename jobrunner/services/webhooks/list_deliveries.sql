-- Deliveries of a webhook, the newest first, with their last attempts: $1 which webhook, $2 states or NULL for all, $3 the
-- message id of their batch or NULL, $4 numbers of events or NULL, $5 how many at most.
SELECT
    d.event_number AS number,
    CASE
        -- Sending is what is fixed, of a webhook that somebody has.
        WHEN d.status = 'Pending' AND d.batch_id IS NOT NULL AND w.sender_until > now() AND (
            w.sender_job IS NULL
            OR w.sender_claim IS NOT DISTINCT FROM (
                SELECT j.claim_id
                FROM jobrunner.job AS j
                WHERE j.id = w.sender_job
            )
        ) THEN 'Sending'
        ELSE d.status::text
    END AS status,
    e.event,
    e.target_type,
    e.target_id,
    e.occurred_at,
    d.attempts,
    CASE WHEN d.status = 'Pending' THEN greatest(d.process_at, w.next_attempt_at) END AS process_at,
    d.processed_at,
    d.is_manual,
    d.last_error,
    b.message_id,
    a.started_at AS attempted_at,
    a.duration_ms,
    a.status_code,
    a.error_kind,
    a.answer_head,
    host(a.connected_ip) AS connected_ip
FROM jobrunner.webhook AS w
JOIN jobrunner.webhook_delivery AS d ON d.webhook_id = w.id
LEFT JOIN jobrunner.webhook_event AS e ON e.number = d.event_number
LEFT JOIN jobrunner.webhook_batch AS b ON b.id = d.batch_id
LEFT JOIN LATERAL (
    SELECT f.started_at, f.duration_ms, f.status_code, f.error_kind, f.answer_head, f.connected_ip
    FROM jobrunner.webhook_attempt AS f
    WHERE f.batch_id = d.batch_id
    ORDER BY f.attempt DESC
    LIMIT 1
) AS a ON true
WHERE w.id = $1::bigint
    AND d.status = ANY (coalesce($2::text[]::jobrunner.webhook_delivery_status[], enum_range(NULL::jobrunner.webhook_delivery_status)))
    AND ($3::uuid IS NULL OR b.message_id = $3::uuid)
    AND ($4::bigint[] IS NULL OR d.event_number = ANY ($4::bigint[]))
ORDER BY d.event_number DESC
LIMIT $5::integer
