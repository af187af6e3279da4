-- How many answers of account $1 are due, counted up to $2
SELECT count(*)::integer AS due
FROM (
    SELECT
    FROM jobrunner.mail_follow_up AS f
    WHERE f.inbound_email_id = $1::bigint AND f.reply = 'Waiting' AND f.next_attempt_at <= now()
    LIMIT $2::integer
) AS found
