-- Changes a personal account, if it is as it was read: $1 id, $2 its new row as JSON, $3 when it was changed before, $4 the
-- secrets that are changed (the others are left alone: they may be re-sealed at this moment). Another host or username is
-- another mailbox, whose UIDs mean other messages: its folders are read as if for the first time.
UPDATE jobrunner.email_account AS a
SET
    name = r.name,
    email_address = r.email_address,
    status = r.status,
    use_imap = r.use_imap,
    host = r.host,
    port = r.port,
    security = r.security,
    username = r.username,
    login = r.login,
    oauth_token_url = r.oauth_token_url,
    oauth_client_id = r.oauth_client_id,
    oauth_scope = r.oauth_scope,
    monitored_folders = r.monitored_folders,
    fetch_since = r.fetch_since,
    keep_fetched_emails_unread = r.keep_fetched_emails_unread,
    idle = r.idle,
    store_sent_emails = r.store_sent_emails,
    sent_folder = r.sent_folder,
    smtp_account_id = r.smtp_account_id,
    guarded = r.guarded,
    assigned_user_id = r.assigned_user_id,
    email_folder_id = r.email_folder_id,
    folder_map = r.folder_map,
    password = CASE WHEN 'password' = ANY ($4::text[]) THEN r.password ELSE a.password END,
    oauth_client_secret = CASE WHEN 'oauth_client_secret' = ANY ($4::text[]) THEN r.oauth_client_secret ELSE a.oauth_client_secret END,
    oauth_refresh_token = CASE WHEN 'oauth_refresh_token' = ANY ($4::text[]) THEN r.oauth_refresh_token ELSE a.oauth_refresh_token END,
    epoch = a.epoch + ((a.host, a.username) IS DISTINCT FROM (r.host, r.username))::integer,
    modified_at = greatest(clock_timestamp(), a.modified_at + interval '1 us')
FROM jsonb_populate_record(NULL::jobrunner.email_account, $2::text::jsonb) AS r
WHERE a.id = $1
    AND a.modified_at = $3
RETURNING a.id
