-- $1 name or id of one, or NULL for all, those that start last first.
SELECT
    m.id,
    m.name,
    m.status::text AS status,
    m.reason,
    m.start_at,
    m.generation,
    m.email_template_id,
    e.name AS email_template,
    m.campaign_id,
    c.name AS campaign,
    coalesce(c.status = 'Inactive', false) AS is_held_back,
    coalesce(c.type = 'Informational Email', false) AS is_informational,
    m.smtp_account_id,
    a.name AS smtp_account,
    m.from_address,
    m.from_name,
    m.reply_to_address,
    m.reply_to_name,
    m.store_sent_emails,
    m.opt_out_entirely,
    ARRAY(
        SELECT t.name
        FROM jobrunner.mass_email_list AS l
        JOIN jobrunner.target_list AS t ON t.id = l.target_list_id
        WHERE l.mass_email_id = m.id AND NOT l.excluding
        ORDER BY l.position, t.id
    ) AS target_lists,
    ARRAY(
        SELECT t.name
        FROM jobrunner.mass_email_list AS l
        JOIN jobrunner.target_list AS t ON t.id = l.target_list_id
        WHERE l.mass_email_id = m.id AND l.excluding
        ORDER BY l.position, t.id
    ) AS excluding_lists,
    m.left_out::text AS left_out,
    m.built_at,
    m.paused_at,
    m.finished_at,
    m.created_at,
    m.created_by,
    m.modified_at,
    m.modified_by
FROM jobrunner.mass_email AS m
LEFT JOIN jobrunner.email_template AS e ON e.id = m.email_template_id
LEFT JOIN jobrunner.campaign AS c ON c.id = m.campaign_id
LEFT JOIN jobrunner.smtp_account AS a ON a.id = m.smtp_account_id
WHERE $1::text IS NULL OR m.name = $1::text OR m.id = CASE WHEN $1::text ~ '^[0-9]{1,18}$' THEN $1::bigint END
ORDER BY m.start_at DESC, m.id DESC
