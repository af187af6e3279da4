-- Notes on what is due of account $1 why it waits: $2
WITH held AS (
    SELECT f.email_id, f.inbound_email_id
    FROM jobrunner.mail_follow_up AS f
    WHERE f.inbound_email_id = $1::bigint
        AND f.reply = 'Waiting'
        AND f.next_attempt_at <= now()
        AND f.reply_reason IS DISTINCT FROM $2::text
    ORDER BY f.email_id
    FOR UPDATE SKIP LOCKED
)
UPDATE jobrunner.mail_follow_up AS f
SET reply_reason = $2::text
FROM held AS h
WHERE f.email_id = h.email_id AND f.inbound_email_id = h.inbound_email_id
RETURNING f.email_id
