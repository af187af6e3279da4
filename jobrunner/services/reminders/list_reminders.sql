-- Reminders with what they are of, the latest first:
-- $1 user or NULL, $2 type or NULL, $3 state or NULL, $4 id or NULL, $5 how many at most
SELECT
    r.id,
    r.type::text AS type,
    r.state::text AS state,
    r.user_id,
    u.name::text AS user_name,
    r.entity_type,
    r.entity_id,
    o.name AS record_name,
    r.remind_at,
    r.next_attempt_at,
    r.start_at,
    r.seconds,
    r.submitted_at,
    r.finished_at,
    r.reason
FROM jobrunner.reminder AS r
LEFT JOIN jobrunner.app_user AS u ON u.id = r.user_id
LEFT JOIN LATERAL jobrunner.occasion(r.entity_type, r.entity_id) AS o ON true
WHERE ($1::text IS NULL OR r.user_id = $1::text)
    AND ($2::text IS NULL OR r.type::text = $2::text)
    AND ($3::text IS NULL OR r.state::text = $3::text)
    AND ($4::bigint IS NULL OR r.id = $4::bigint)
ORDER BY r.remind_at DESC, r.id DESC
LIMIT $5::integer
