-- How group account $1 answers: by which account, from whom, with which template.
SELECT
    a.name,
    a.email_address,
    a.smtp_account_id,
    coalesce(a.reply_from_address, a.email_address) AS from_address,
    coalesce(a.reply_from_name, a.from_name, '') AS from_name,
    a.reply_to_address,
    a.reply,
    t.id AS email_template_id,
    t.subject,
    t.body,
    t.plain_body,
    t.is_html
FROM jobrunner.inbound_email AS a
LEFT JOIN jobrunner.email_template AS t ON t.id = a.reply_email_template_id
WHERE a.id = $1::bigint
