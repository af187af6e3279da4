-- Answers of account $1 whose sender is gone: its job does not run under that claim any more, or its time is over. Whether
-- the mail server has the mail is not known: it is sent once more, not twice.
WITH lost AS (
    SELECT f.email_id, f.inbound_email_id
    FROM jobrunner.mail_follow_up AS f
    WHERE f.inbound_email_id = $1::bigint
        AND f.reply = 'Sending'
        AND (
            f.sender_until < now()
            OR (
                f.sender_job IS NOT NULL
                -- One look by key for each of the few rows; EXISTS may be planned as a scan of all jobs.
                AND f.sender_claim IS DISTINCT FROM (
                    SELECT j.claim_id
                    FROM jobrunner.job AS j
                    WHERE j.id = f.sender_job
                )
            )
        )
    ORDER BY f.email_id
    FOR UPDATE OF f SKIP LOCKED
)
UPDATE jobrunner.mail_follow_up AS f
SET reply = CASE WHEN f.doubt_count = 0 THEN 'Waiting' ELSE 'Uncertain' END::jobrunner.auto_reply_state,
    finished_at = CASE WHEN f.doubt_count = 0 THEN NULL ELSE now() END,
    next_attempt_at = now(),
    doubt_count = f.doubt_count + 1,
    reply_reason = 'the sender was lost while it sent',
    sender_token = NULL,
    sender_job = NULL,
    sender_claim = NULL,
    sender_until = NULL
FROM lost AS l
WHERE f.email_id = l.email_id AND f.inbound_email_id = l.inbound_email_id AND f.reply = 'Sending'
RETURNING f.email_id
