-- Changes a filter: $1 id, $2 its new row as JSON
UPDATE jobrunner.email_filter AS f
SET
    name = r.name,
    sender = r.sender,
    recipient = r.recipient,
    subject = r.subject,
    body_contains = r.body_contains,
    body_contains_all = r.body_contains_all,
    is_global = r.is_global,
    user_id = r.user_id,
    email_account_id = r.email_account_id,
    inbound_email_id = r.inbound_email_id,
    action = r.action,
    email_folder_id = r.email_folder_id,
    group_email_folder_id = r.group_email_folder_id,
    mark_as_read = r.mark_as_read,
    skip_notification = r.skip_notification
FROM jsonb_populate_record(NULL::jobrunner.email_filter, $2::jsonb) AS r
WHERE f.id = $1
RETURNING f.id
