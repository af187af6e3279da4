-- Accounts in whose Sent folder something could not be stored yet
SELECT
    coalesce(e.name, i.name) AS name,
    c.account_kind::text AS kind,
    count(*) AS mails,
    min(c.sent_at) AS since,
    (array_agg(c.trouble ORDER BY c.id DESC))[1] AS trouble
FROM jobrunner.sent_copy AS c
LEFT JOIN jobrunner.email_account AS e ON c.account_kind = 'Personal' AND e.id = c.account_id
LEFT JOIN jobrunner.inbound_email AS i ON c.account_kind = 'Group' AND i.id = c.account_id
WHERE c.trouble IS NOT NULL
GROUP BY c.account_kind, c.account_id, e.name, i.name
ORDER BY c.account_kind, c.account_id
