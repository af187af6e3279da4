-- Messages that could not be fetched and that the server has no more.
DELETE FROM jobrunner.mail_fetch_failure AS m
WHERE m.account_kind = $1::jobrunner.mail_account_kind
    AND m.account_id = $2::bigint
    AND m.folder = $3::text
    AND m.uid_validity = $4::bigint
    AND m.uid = ANY ($5::bigint[])
    AND m.stage = 'fetch'
    AND m.email_id IS NULL
