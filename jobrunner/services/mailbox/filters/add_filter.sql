-- Adds a filter: $1 its row as JSON
INSERT INTO jobrunner.email_filter (
    name,
    sender,
    recipient,
    subject,
    body_contains,
    body_contains_all,
    is_global,
    user_id,
    email_account_id,
    inbound_email_id,
    action,
    email_folder_id,
    group_email_folder_id,
    mark_as_read,
    skip_notification
)
SELECT
    r.name,
    r.sender,
    r.recipient,
    r.subject,
    r.body_contains,
    r.body_contains_all,
    r.is_global,
    r.user_id,
    r.email_account_id,
    r.inbound_email_id,
    r.action,
    r.email_folder_id,
    r.group_email_folder_id,
    r.mark_as_read,
    r.skip_notification
FROM jsonb_populate_record(NULL::jobrunner.email_filter, $1::jsonb) AS r
RETURNING id
