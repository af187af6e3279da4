-- Leases webhooks that have something due: $1 the run's token, $2 its job or NULL, $3 for how long, $4 which, or NULL for
-- all, $5 how many at most, $6 those not to look at, which the run has.
WITH next AS (
    SELECT w.id
    FROM jobrunner.webhook AS w
    WHERE w.active
        AND w.health <> 'disabled'
        AND (w.next_attempt_at IS NULL OR w.next_attempt_at <= now())
        AND ($4::bigint[] IS NULL OR w.id = ANY ($4::bigint[]))
        AND w.id <> ALL ($6::bigint[])
        -- Free, or its sender is lost, or ours without a lane: this is run again, for its answer was lost.
        AND CASE
            WHEN w.sender_token IS NULL OR w.sender_until < now() OR w.sender_token = $1::bigint THEN true
            WHEN w.sender_job IS NULL THEN false
            ELSE w.sender_claim IS DISTINCT FROM (
                SELECT j.claim_id
                FROM jobrunner.job AS j
                WHERE j.id = w.sender_job
            )
        END
        AND CASE
            WHEN w.strict_order THEN (
                SELECT d.process_at <= now()
                FROM jobrunner.webhook_delivery AS d
                WHERE d.webhook_id = w.id AND d.status = 'Pending'
                ORDER BY d.event_number
                LIMIT 1
            )
            ELSE EXISTS (
                SELECT
                FROM jobrunner.webhook_delivery AS d
                WHERE d.webhook_id = w.id AND d.status = 'Pending' AND d.process_at <= now()
            )
        END
        -- A lost lease is no loss.
        AND set_config('synchronous_commit', 'off', true) IS NOT NULL
    ORDER BY w.served_at NULLS FIRST, w.id
    LIMIT $5::integer
    FOR NO KEY UPDATE SKIP LOCKED
), leased AS (
    UPDATE jobrunner.webhook AS w
    SET health = CASE
            WHEN w.health <> 'unsignable' THEN w.health
            WHEN w.failures > 0 THEN 'backing_off'
            ELSE 'healthy'
        END,
        last_error = CASE WHEN w.health <> 'unsignable' THEN w.last_error END,
        -- Of a healthy one it is NULL: else a webhook that is switched on again would not wake the job.
        next_attempt_at = CASE WHEN w.health <> 'unsignable' OR w.failures > 0 THEN w.next_attempt_at END,
        sender_token = $1::bigint,
        sender_job = sender.id,
        sender_claim = sender.claim_id,
        sender_until = now() + $3::interval
    FROM next AS n
    LEFT JOIN jobrunner.job AS sender ON sender.id = $2::bigint AND sender.status = 'Running'
    WHERE w.id = n.id
    RETURNING w.*
)
SELECT
    l.id,
    l.revision,
    l.event,
    l.url,
    l.description,
    l.format::text AS format,
    l.strict_order,
    l.x_signature,
    l.failures,
    l.guard_failures,
    s.ids AS secret_ids,
    s.secrets
FROM leased AS l
LEFT JOIN LATERAL (
    SELECT
        array_agg(s.id ORDER BY s.valid_until DESC NULLS FIRST, s.id DESC) AS ids,
        array_agg(s.secret::text ORDER BY s.valid_until DESC NULLS FIRST, s.id DESC) AS secrets
    FROM jobrunner.webhook_secret AS s
    WHERE s.webhook_id = l.id AND (s.valid_until IS NULL OR s.valid_until > now())
) AS s ON true
