-- Ends answers of account $1 whose mail came in longer than $2 ago: nobody expects them any more.
WITH late AS (
    SELECT f.email_id, f.inbound_email_id
    FROM jobrunner.mail_follow_up AS f
    WHERE f.inbound_email_id = $1::bigint
        AND f.reply = 'Waiting'
        AND f.next_attempt_at <= now()
        AND f.created_at < now() - $2::interval
    ORDER BY f.email_id
    FOR UPDATE SKIP LOCKED
)
UPDATE jobrunner.mail_follow_up AS f
SET reply = 'Failed',
    finished_at = now(),
    reply_reason = coalesce(f.reply_reason, 'nothing ran in time')
FROM late AS l
WHERE f.email_id = l.email_id AND f.inbound_email_id = l.inbound_email_id
RETURNING f.email_id
