-- The group accounts without what is sealed: $1 an id or a name; NULL for all
SELECT
    a.id,
    a.name,
    a.email_address,
    a.status::text AS status,
    a.use_imap,
    a.host,
    a.port,
    a.security::text AS security,
    a.username,
    a.login::text AS login,
    a.oauth_token_url,
    a.oauth_client_id,
    a.oauth_scope,
    a.monitored_folders,
    a.fetch_since,
    a.keep_fetched_emails_unread,
    a.idle,
    a.store_sent_emails,
    a.sent_folder,
    a.smtp_account_id,
    a.guarded,
    a.add_all_team_users,
    a.group_email_folder_id,
    a.assign_to_user_id,
    a.team_id,
    a.create_case,
    a.case_distribution::text AS case_distribution,
    a.target_user_position,
    a.reopen_on_reply,
    a.notify_assignee,
    a.reply,
    a.reply_email_template_id,
    a.reply_from_address,
    a.reply_from_name,
    a.reply_to_address,
    a.from_name,
    a.exclude_from_reply,
    a.takes_unsubscriptions,
    ARRAY(SELECT t.team_id FROM jobrunner.inbound_email_team AS t WHERE t.inbound_email_id = a.id ORDER BY t.team_id) AS teams,
    array_remove(ARRAY[
        CASE WHEN a.password IS NOT NULL THEN 'password' END,
        CASE WHEN a.oauth_client_secret IS NOT NULL THEN 'oauth_client_secret' END,
        CASE WHEN a.oauth_refresh_token IS NOT NULL THEN 'oauth_refresh_token' END
    ], NULL) AS secrets,
    a.epoch,
    a.created_at,
    a.modified_at
FROM jobrunner.inbound_email AS a
WHERE $1::text IS NULL
    OR a.id::text = $1
    OR a.name = $1
ORDER BY a.id
