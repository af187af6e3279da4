-- What a mass e-mail ($1) needs before it can be sent.
SELECT
    EXISTS (
        SELECT
        FROM jobrunner.mass_email_list AS l
        WHERE l.mass_email_id = m.id AND NOT l.excluding
    ) AS has_list,
    EXISTS (
        SELECT
        FROM jobrunner.mass_email_list AS l
        JOIN jobrunner.target_list_member AS t ON t.target_list_id = l.target_list_id
        WHERE l.mass_email_id = m.id AND NOT l.excluding
    ) AS has_member,
    btrim(e.subject) AS subject,
    a.status::text AS account_status,
    a.for_mass_mail,
    (
        SELECT s.from_address
        FROM jobrunner.smtp_account AS s
        WHERE s.kind = 'System' AND s.status = 'Active'
    ) AS system_sender,
    ARRAY(
        SELECT f.name
        FROM jobrunner.smtp_account AS f
        WHERE f.kind <> 'Personal' AND f.status = 'Active' AND f.for_mass_mail
        LIMIT 2
    ) AS fitting_accounts
FROM jobrunner.mass_email AS m
LEFT JOIN jobrunner.email_template AS e ON e.id = m.email_template_id
LEFT JOIN jobrunner.smtp_account AS a ON a.id = m.smtp_account_id
WHERE m.id = $1::bigint
