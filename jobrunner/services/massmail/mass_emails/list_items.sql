-- $1 mass e-mail, $2 status or NULL, $3 id after which to go on, $4 how many
SELECT
    q.id,
    q.status::text AS status,
    q.target_type::text AS target_type,
    q.target_id,
    q.email_address,
    q.generation,
    q.attempt_count,
    q.is_test,
    q.created_at,
    q.next_attempt_at,
    q.sent_at,
    q.finished_at,
    q.code,
    q.enhanced_code,
    q.reply,
    q.reason
FROM jobrunner.queue_item AS q
WHERE q.mass_email_id = $1::bigint
    AND q.id > $3::bigint
    AND ($2::text IS NULL OR q.status = $2::text::jobrunner.queue_item_status)
ORDER BY q.id
LIMIT $4::bigint
