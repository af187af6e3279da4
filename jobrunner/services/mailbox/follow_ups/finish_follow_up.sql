-- Notes what followed from mail $1 at account $2: $3 case, $4 what was done, $5 state of the answer or NULL, $6 why none
-- goes out, $7 where it goes; and enqueues the job that sends it. No row where it was noted before.
WITH done AS (
    UPDATE jobrunner.mail_follow_up AS f
    SET done_at = now(),
        case_id = $3::text,
        case_act = $4::text::jobrunner.case_act,
        reply = $5::text::jobrunner.auto_reply_state,
        reply_reason = left($6::text, 1000),
        recipient = $7::text,
        next_attempt_at = CASE WHEN $5::text = 'Waiting' THEN now() END,
        finished_at = CASE WHEN $5::text <> 'Waiting' THEN now() END
    WHERE f.email_id = $1::bigint AND f.inbound_email_id = $2::bigint AND f.done_at IS NULL
    RETURNING f.inbound_email_id, f.reply
)
SELECT
    d.inbound_email_id,
    CASE WHEN d.reply = 'Waiting' THEN jobrunner.wake_auto_replies(d.inbound_email_id) END AS job_id
FROM done AS d
