-- Mails of an account that could not be stored and are to be read again.
SELECT m.id, m.email_id
FROM jobrunner.mail_fetch_failure AS m
WHERE m.account_kind = $1::jobrunner.mail_account_kind
    AND m.account_id = $2::bigint
    AND m.stage = 'store'
    AND m.email_id IS NOT NULL
    AND m.next_try_at <= now()
ORDER BY m.id
LIMIT $3::integer
