-- Adds a group account: $1 its row as JSON, with id and sealed secrets, and its teams
WITH added AS (
    INSERT INTO jobrunner.inbound_email (
        id,
        name,
        email_address,
        status,
        use_imap,
        host,
        port,
        security,
        username,
        login,
        oauth_token_url,
        oauth_client_id,
        oauth_scope,
        monitored_folders,
        fetch_since,
        keep_fetched_emails_unread,
        idle,
        store_sent_emails,
        sent_folder,
        smtp_account_id,
        guarded,
        add_all_team_users,
        group_email_folder_id,
        assign_to_user_id,
        team_id,
        create_case,
        case_distribution,
        target_user_position,
        reopen_on_reply,
        notify_assignee,
        reply,
        reply_email_template_id,
        reply_from_address,
        reply_from_name,
        reply_to_address,
        from_name,
        exclude_from_reply,
        password,
        oauth_client_secret,
        oauth_refresh_token
    )
    SELECT
        r.id,
        r.name,
        r.email_address,
        r.status,
        r.use_imap,
        r.host,
        r.port,
        r.security,
        r.username,
        r.login,
        r.oauth_token_url,
        r.oauth_client_id,
        r.oauth_scope,
        r.monitored_folders,
        r.fetch_since,
        r.keep_fetched_emails_unread,
        r.idle,
        r.store_sent_emails,
        r.sent_folder,
        r.smtp_account_id,
        r.guarded,
        r.add_all_team_users,
        r.group_email_folder_id,
        r.assign_to_user_id,
        r.team_id,
        r.create_case,
        r.case_distribution,
        r.target_user_position,
        r.reopen_on_reply,
        r.notify_assignee,
        r.reply,
        r.reply_email_template_id,
        r.reply_from_address,
        r.reply_from_name,
        r.reply_to_address,
        r.from_name,
        r.exclude_from_reply,
        r.password,
        r.oauth_client_secret,
        r.oauth_refresh_token
    FROM jsonb_populate_record(NULL::jobrunner.inbound_email, $1::text::jsonb) AS r
    RETURNING id
),

teams AS (
    INSERT INTO jobrunner.inbound_email_team (inbound_email_id, team_id)
    SELECT a.id, t.id
    FROM added AS a
    CROSS JOIN jsonb_array_elements_text($1::text::jsonb -> 'teams') AS t (id)
)

SELECT a.id
FROM added AS a
