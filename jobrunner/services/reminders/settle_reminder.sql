-- Stores what became of a reminder that was taken, if it is still its sender's:
-- $1 id, $2 the sender's token, $3 state, $4 reason, $5 delay of the next attempt or NULL, $6 whether the attempt
-- counts, $7 whether it is in doubt, $8 Message-ID, $9 how long after the start it is too late
WITH settled AS (
    UPDATE jobrunner.reminder AS r
    SET state = s.state,
        finished_at = CASE WHEN s.state <> 'Waiting' THEN now() END,
        next_attempt_at = CASE WHEN s.state = 'Waiting' AND $5::interval IS NOT NULL THEN now() + $5::interval ELSE r.next_attempt_at END,
        attempt_count = r.attempt_count + $6::boolean::integer,
        doubt_count = r.doubt_count + $7::boolean::integer,
        reason = $4::text,
        message_id = coalesce($8::text, r.message_id),
        sender_token = NULL,
        sender_job = NULL,
        sender_claim = NULL,
        sender_until = NULL
    FROM (
        -- No time is left for another attempt: that is a failure now, not in an hour.
        SELECT CASE
            WHEN $3::text = 'Waiting' AND now() + coalesce($5::interval, interval '0') >= f.start_at + $9::interval THEN 'Failed'
            ELSE $3::text
        END::jobrunner.reminder_state AS state
        FROM jobrunner.reminder AS f
        WHERE f.id = $1::bigint
    ) AS s
    WHERE r.id = $1::bigint AND r.state = 'Sending' AND r.sender_token = $2::bigint
    RETURNING r.state, r.next_attempt_at
)
SELECT
    settled.state::text AS state,
    CASE
        WHEN settled.state = 'Waiting' AND $5::interval IS NOT NULL
            THEN jobrunner.wake_job('SendEmailReminders', ARRAY[settled.next_attempt_at])
    END AS woken
FROM settled
