-- The accounts of one kind ($1) that are to be fetched from. $2: also those that wait after a failure or are watched, for
-- a person asks. One that is watched is told of new mail, and is looked at only now and then: $3.
WITH account AS (
    SELECT e.id
    FROM jobrunner.email_account AS e
    JOIN jobrunner.app_user AS u ON u.id = e.assigned_user_id AND u.active
    WHERE $1::jobrunner.mail_account_kind = 'Personal' AND e.status = 'Active' AND e.use_imap
    UNION ALL
    SELECT i.id
    FROM jobrunner.inbound_email AS i
    WHERE $1::jobrunner.mail_account_kind = 'Group' AND i.status = 'Active' AND i.use_imap
)
SELECT account.id
FROM account
LEFT JOIN jobrunner.mail_account_state AS s ON s.account_kind = $1 AND s.account_id = account.id
WHERE
    s.paused_kind IS NULL
    AND (
        $2::boolean
        OR (
            (s.retry_at IS NULL OR s.retry_at <= clock_timestamp())
            AND (
                s.watched_at IS NULL
                OR s.watched_at < clock_timestamp() - interval '1 min'
                OR s.connected_at IS NULL
                OR s.connected_at < clock_timestamp() - $3::interval
            )
        )
    )
ORDER BY s.connected_at NULLS FIRST, account.id
