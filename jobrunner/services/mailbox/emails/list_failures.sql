-- Messages that are no mails yet, since they could not be fetched or stored, the newest first: $1 how many at most
SELECT
    f.id,
    f.account_kind::text AS kind,
    coalesce(p.name, g.name) AS account,
    f.folder,
    f.uid,
    f.stage,
    f.attempts,
    f.failed_at,
    f.error
FROM jobrunner.mail_fetch_failure AS f
LEFT JOIN jobrunner.email_account AS p ON f.account_kind = 'Personal' AND p.id = f.account_id
LEFT JOIN jobrunner.inbound_email AS g ON f.account_kind = 'Group' AND g.id = f.account_id
WHERE f.email_id IS NULL
ORDER BY f.id DESC
LIMIT $1::integer
