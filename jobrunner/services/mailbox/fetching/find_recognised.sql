-- Mails of an account that carry one of these ids ($3).
SELECT e.id, e.message_ref, e.size
FROM jobrunner.email AS e
INNER JOIN jobrunner.email_copy AS c ON c.email_id = e.id
WHERE e.message_ref = ANY ($3::text[])
    AND c.account_kind = $1::jobrunner.mail_account_kind
    AND c.account_id = $2::bigint
ORDER BY e.id
