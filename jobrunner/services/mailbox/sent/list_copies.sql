-- What is due to be stored in the Sent folder of an account ($1 kind, $2 id), the oldest first, $3 at most
SELECT c.id, c.message_id, c.sent_at
FROM jobrunner.sent_copy AS c
WHERE c.account_kind = $1::text::jobrunner.mail_account_kind
    AND c.account_id = $2::bigint
    AND c.next_attempt_at <= clock_timestamp()
ORDER BY c.sent_at, c.id
LIMIT $3::integer
