-- What follows from mail $1 at group account $2, if that was not done yet; locked, and so is the mail: two accounts that it
-- came to must not both open a case.
SELECT
    e.status::text AS status,
    e.subject,
    e.body_plain,
    e.message_id,
    e.thread_id,
    e.from_key,
    coalesce(s.address, '') AS from_address,
    coalesce(s.name, '') AS from_name,
    e.return_path,
    e.is_automatic,
    e.never_answer,
    e.trouble IS NOT NULL AS is_troubled,
    least(e.date_sent, e.delivery_date) AS sent_at,
    e.date_sent,
    e.parent_type,
    e.parent_id,
    now() AS now,
    a.id AS account_id,
    a.name AS account_name,
    a.email_address,
    a.create_case,
    a.case_distribution::text AS case_distribution,
    a.team_id,
    a.assign_to_user_id,
    a.target_user_position,
    a.reopen_on_reply,
    a.notify_assignee,
    a.reply,
    a.reply_from_address
FROM jobrunner.mail_follow_up AS f
JOIN jobrunner.email AS e ON e.id = f.email_id
JOIN jobrunner.inbound_email AS a ON a.id = f.inbound_email_id
LEFT JOIN LATERAL (
    SELECT r.address, r.name
    FROM jobrunner.email_recipient AS r
    WHERE r.email_id = e.id AND r.role = 'From'
    ORDER BY r.address_key IS NULL, r.position
    LIMIT 1
) AS s ON true
WHERE f.email_id = $1::bigint AND f.inbound_email_id = $2::bigint AND f.done_at IS NULL
FOR NO KEY UPDATE OF f, e
