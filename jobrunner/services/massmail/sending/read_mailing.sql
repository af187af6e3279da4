-- All that the mails of a mass e-mail ($1) have in common, but for its account. Nulls of the template where it is gone.
SELECT
    m.id,
    m.name,
    m.created_by,
    m.email_template_id,
    m.campaign_id,
    c.name AS campaign,
    c.type::text AS campaign_type,
    coalesce(c.type = 'Informational Email', false) AS is_informational,
    m.smtp_account_id,
    m.from_address,
    m.from_name,
    m.reply_to_address,
    m.reply_to_name,
    m.store_sent_emails,
    m.resumed_at IS NOT NULL AS is_resumed,
    e.subject,
    e.body,
    e.plain_body,
    e.is_html,
    ARRAY(
        SELECT l.target_list_id
        FROM jobrunner.mass_email_list AS l
        WHERE l.mass_email_id = m.id AND NOT l.excluding
        ORDER BY l.position, l.target_list_id
    ) AS list_ids,
    EXISTS (
        SELECT
        FROM jobrunner.mass_email_list AS l
        WHERE l.mass_email_id = m.id AND l.excluding
    ) AS has_excluding,
    ARRAY(
        SELECT u.id
        FROM jobrunner.tracking_url AS u
        WHERE u.campaign_id = m.campaign_id
        ORDER BY u.id
    ) AS tracking_url_ids
FROM jobrunner.mass_email AS m
LEFT JOIN jobrunner.campaign AS c ON c.id = m.campaign_id
LEFT JOIN jobrunner.email_template AS e ON e.id = m.email_template_id
WHERE m.id = $1::bigint
