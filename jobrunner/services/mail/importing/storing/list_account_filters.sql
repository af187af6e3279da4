-- The filters of account $1 (kind), $2 (id) and those of everybody; whoever asks puts them in order
SELECT
    f.id,
    f.name,
    f.action::text,
    f.sender,
    f.recipient,
    f.subject,
    f.body_contains,
    f.body_contains_all,
    f.user_id,
    f.email_folder_id AS folder_id,
    f.group_email_folder_id AS group_folder_id,
    f.mark_as_read,
    f.skip_notification
FROM jobrunner.email_filter AS f
WHERE f.is_global
    OR ($1::jobrunner.mail_account_kind = 'Personal' AND f.email_account_id = $2::bigint)
    OR ($1 = 'Group' AND f.inbound_email_id = $2)
