-- The filters of users $1; whoever asks puts them in order
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
WHERE f.user_id = ANY ($1::text[])
