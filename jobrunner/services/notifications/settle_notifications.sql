-- Stores what became of notifications that were taken, of those that are still their sender's:
-- $1 their numbers, $2 the sender's token, $3 the state of each, $4 the reason of each, $5 delay of the next attempt or
-- NULL, $6 whether the attempt counts, $7 whether it is in doubt, $8 Message-ID, $9 how old is too old
WITH said AS (
    SELECT
        f.number,
        -- No time is left for another attempt: that is a failure now, not in a day.
        CASE
            WHEN s.state = 'Waiting' AND now() + coalesce($5::interval, interval '0') >= f.created_at + $9::interval THEN 'Failed'
            ELSE s.state
        END::jobrunner.notification_mail AS state,
        s.reason
    FROM unnest($1::bigint[], $3::text[], $4::text[]) AS s (number, state, reason)
    JOIN jobrunner.notification AS f ON f.number = s.number
    WHERE f.mail = 'Sending' AND f.sender_token = $2::bigint
    ORDER BY f.number
    FOR UPDATE OF f
), settled AS (
    UPDATE jobrunner.notification AS n
    SET mail = said.state,
        finished_at = CASE WHEN said.state <> 'Waiting' THEN now() END,
        next_attempt_at = CASE WHEN said.state = 'Waiting' AND $5::interval IS NOT NULL THEN now() + $5::interval ELSE n.next_attempt_at END,
        attempt_count = n.attempt_count + $6::boolean::integer,
        doubt_count = n.doubt_count + $7::boolean::integer,
        -- What surely did not go may go with what has happened since.
        mail_group = CASE WHEN said.state = 'Waiting' AND n.doubt_count = 0 AND NOT $7::boolean THEN NULL ELSE n.mail_group END,
        mail_reason = said.reason,
        message_id = coalesce($8::text, n.message_id),
        sender_token = NULL,
        sender_job = NULL,
        sender_claim = NULL,
        sender_until = NULL
    FROM said
    WHERE n.number = said.number AND n.mail = 'Sending' AND n.sender_token = $2::bigint
    RETURNING n.number, n.mail, n.next_attempt_at
)
SELECT
    settled.number,
    settled.mail::text AS state,
    CASE
        WHEN settled.mail = 'Waiting' AND $5::interval IS NOT NULL AND row_number() OVER (PARTITION BY settled.mail ORDER BY settled.number) = 1
            THEN jobrunner.wake_email_notifications(ARRAY[settled.next_attempt_at])
    END AS woken
FROM settled
ORDER BY settled.number
