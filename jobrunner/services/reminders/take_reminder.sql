-- Takes the oldest due reminder, with all that its mail says:
-- $1 the sender's token, $2 its job or NULL, $3 for how long, $4 how long after the start it is too late
WITH next AS (
    SELECT r.id
    FROM jobrunner.reminder AS r
    WHERE r.type = 'Email'
        AND r.state = 'Waiting'
        AND r.next_attempt_at <= now()
        AND r.start_at > now() - $4::interval
    ORDER BY r.next_attempt_at, r.id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE jobrunner.reminder AS r
    SET state = 'Sending',
        sender_token = $1::bigint,
        sender_job = sender.id,
        sender_claim = sender.claim_id,
        sender_until = now() + $3::interval
    FROM next
    LEFT JOIN jobrunner.job AS sender ON sender.id = $2::bigint AND sender.status = 'Running'
    WHERE r.id = next.id
    RETURNING r.*
)
SELECT
    t.id,
    t.attempt_count,
    t.doubt_count,
    t.remind_at,
    t.start_at,
    t.user_id,
    t.entity_type,
    t.entity_id,
    u.name::text AS user_name,
    u.email::text AS email,
    u.active AS user_is_active,
    u.time_zone::text AS time_zone,
    u.language::text AS language,
    o.name AS record_name,
    o.is_open AS record_is_open,
    coalesce(o.start_at, jobrunner.local_midnight(o.start_date, u.time_zone::text)) AS record_start_at,
    o.start_date AS record_start_date,
    EXISTS (
        SELECT
        FROM jobrunner.reminder_receivers(t.entity_type, t.entity_id) AS w
        WHERE w.user_id = t.user_id
    ) AS is_receiver,
    now() AS now
FROM taken AS t
LEFT JOIN jobrunner.app_user AS u ON u.id = t.user_id
LEFT JOIN LATERAL jobrunner.occasion(t.entity_type, t.entity_id) AS o ON true
