-- The filters with the names of what they are of: $1 an id or a name; NULL for all
SELECT
    f.id,
    f.name,
    f.sender,
    f.recipient,
    f.subject,
    f.body_contains,
    f.body_contains_all,
    f.is_global,
    f.user_id,
    f.email_account_id,
    f.inbound_email_id,
    f.action::text AS action,
    f.email_folder_id,
    f.group_email_folder_id,
    f.mark_as_read,
    f.skip_notification,
    CASE
        WHEN f.is_global THEN 'everybody'
        WHEN f.user_id IS NOT NULL THEN 'user ' || u.name
        WHEN f.email_account_id IS NOT NULL THEN 'email-account ' || e.name
        ELSE 'inbound-email ' || i.name
    END AS owner,
    coalesce(o.name, g.name) AS folder
FROM jobrunner.email_filter AS f
LEFT JOIN jobrunner.app_user AS u ON u.id = f.user_id
LEFT JOIN jobrunner.email_account AS e ON e.id = f.email_account_id
LEFT JOIN jobrunner.inbound_email AS i ON i.id = f.inbound_email_id
LEFT JOIN jobrunner.email_folder AS o ON o.id = f.email_folder_id
LEFT JOIN jobrunner.group_email_folder AS g ON g.id = f.group_email_folder_id
WHERE $1::text IS NULL
    OR f.id::text = $1
    OR f.name = $1
ORDER BY f.id
