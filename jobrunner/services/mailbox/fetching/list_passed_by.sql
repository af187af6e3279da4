-- Messages of a folder that were passed by and are to be asked for again.
SELECT m.uid
FROM jobrunner.mail_fetch_failure AS m
WHERE m.account_kind = $1::jobrunner.mail_account_kind
    AND m.account_id = $2::bigint
    AND m.folder = $3::text
    AND m.uid_validity = $4::bigint
    AND m.stage = 'fetch'
    AND m.email_id IS NULL
    AND m.next_try_at <= now()
ORDER BY m.uid
LIMIT $5::integer
