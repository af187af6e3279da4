-- Stores what became of the answer to mail $1 at account $2, if it is still its sender's: $3 the sender's token, $4 state, $5
-- reason, $6 delay of the next attempt or NULL, $7 whether the attempt counts, $8 whether it is in doubt, $9 how long after
-- its mail it is too late
WITH settled AS (
    UPDATE jobrunner.mail_follow_up AS f
    SET reply = s.state,
        finished_at = CASE WHEN s.state <> 'Waiting' THEN now() END,
        next_attempt_at = CASE WHEN s.state = 'Waiting' AND $6::interval IS NOT NULL THEN now() + $6::interval ELSE f.next_attempt_at END,
        attempt_count = f.attempt_count + $7::boolean::integer,
        doubt_count = f.doubt_count + $8::boolean::integer,
        reply_reason = CASE WHEN s.state <> 'Sent' THEN $5::text END,
        sender_token = NULL,
        sender_job = NULL,
        sender_claim = NULL,
        sender_until = NULL
    FROM (
        -- No time is left for another attempt: that is a failure now, not in an hour.
        SELECT CASE
            WHEN $4::text = 'Waiting' AND now() + coalesce($6::interval, interval '0') >= o.created_at + $9::interval THEN 'Failed'
            ELSE $4::text
        END::jobrunner.auto_reply_state AS state
        FROM jobrunner.mail_follow_up AS o
        WHERE o.email_id = $1::bigint AND o.inbound_email_id = $2::bigint
    ) AS s
    WHERE f.email_id = $1::bigint AND f.inbound_email_id = $2::bigint AND f.reply = 'Sending' AND f.sender_token = $3::bigint
    RETURNING f.inbound_email_id, f.reply, f.next_attempt_at
)
SELECT
    settled.reply::text AS state,
    CASE
        WHEN settled.reply = 'Waiting' AND $6::interval IS NOT NULL
            THEN jobrunner.wake_auto_replies(settled.inbound_email_id, settled.next_attempt_at)
    END AS woken
FROM settled
