-- The latest notifications: $1 a number, $2 a user's id, $3 a state of mail, each NULL for all, $4 how many at most
SELECT
    n.number,
    n.user_id,
    u.name::text AS user_name,
    u.email::text AS email,
    n.type,
    n.parent_type,
    n.parent_id,
    n.parent_name,
    n.related_type,
    n.related_id,
    n.actor_id,
    n.action_id,
    n.read,
    n.created_at,
    n.mail::text AS mail,
    n.mail_reason AS reason,
    CASE WHEN n.mail = 'Waiting' THEN n.next_attempt_at END AS next_attempt_at,
    n.finished_at,
    n.attempt_count,
    n.doubt_count,
    n.message_id,
    n.data::text AS data
FROM jobrunner.notification AS n
LEFT JOIN jobrunner.app_user AS u ON u.id = n.user_id
WHERE ($1::bigint IS NULL OR n.number = $1::bigint)
    AND ($2::text IS NULL OR n.user_id = $2::text)
    AND ($3::text IS NULL OR n.mail::text = $3::text)
ORDER BY n.number DESC
LIMIT $4::integer
