-- Gives up the answers of account $1 that are due: $2 why
WITH dropped AS (
    SELECT f.email_id, f.inbound_email_id
    FROM jobrunner.mail_follow_up AS f
    WHERE f.inbound_email_id = $1::bigint AND f.reply = 'Waiting' AND f.next_attempt_at <= now()
    ORDER BY f.email_id
    FOR UPDATE SKIP LOCKED
)
UPDATE jobrunner.mail_follow_up AS f
SET reply = 'Skipped',
    finished_at = now(),
    reply_reason = $2::text
FROM dropped AS d
WHERE f.email_id = d.email_id AND f.inbound_email_id = d.inbound_email_id
RETURNING f.email_id
