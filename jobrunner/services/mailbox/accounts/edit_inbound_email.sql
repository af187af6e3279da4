-- Changes a group account, if it is as it was read: $1 id, $2 its new row as JSON, $3 when it was changed before, $4 the
-- secrets that are changed (the others are left alone: they may be re-sealed at this moment). Another host or username is
-- another mailbox, whose UIDs mean other messages: its folders are read as if for the first time.
WITH edited AS (
    UPDATE jobrunner.inbound_email AS a
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
        add_all_team_users = r.add_all_team_users,
        group_email_folder_id = r.group_email_folder_id,
        assign_to_user_id = r.assign_to_user_id,
        team_id = r.team_id,
        create_case = r.create_case,
        case_distribution = r.case_distribution,
        target_user_position = r.target_user_position,
        reopen_on_reply = r.reopen_on_reply,
        notify_assignee = r.notify_assignee,
        reply = r.reply,
        reply_email_template_id = r.reply_email_template_id,
        reply_from_address = r.reply_from_address,
        reply_from_name = r.reply_from_name,
        reply_to_address = r.reply_to_address,
        from_name = r.from_name,
        exclude_from_reply = r.exclude_from_reply,
        takes_unsubscriptions = r.takes_unsubscriptions,
        password = CASE WHEN 'password' = ANY ($4::text[]) THEN r.password ELSE a.password END,
        oauth_client_secret = CASE WHEN 'oauth_client_secret' = ANY ($4::text[]) THEN r.oauth_client_secret ELSE a.oauth_client_secret END,
        oauth_refresh_token = CASE WHEN 'oauth_refresh_token' = ANY ($4::text[]) THEN r.oauth_refresh_token ELSE a.oauth_refresh_token END,
        epoch = a.epoch + ((a.host, a.username) IS DISTINCT FROM (r.host, r.username))::integer,
        modified_at = greatest(clock_timestamp(), a.modified_at + interval '1 us')
    FROM jsonb_populate_record(NULL::jobrunner.inbound_email, $2::text::jsonb) AS r
    WHERE a.id = $1
        AND a.modified_at = $3
    RETURNING a.id
),

given AS (
    SELECT e.id AS account_id, t.id
    FROM edited AS e
    CROSS JOIN jsonb_array_elements_text($2::text::jsonb -> 'teams') AS t (id)
),

left_teams AS (
    DELETE FROM jobrunner.inbound_email_team AS t
    USING edited AS e
    WHERE t.inbound_email_id = e.id
        AND t.team_id NOT IN (SELECT g.id FROM given AS g)
),

new_teams AS (
    INSERT INTO jobrunner.inbound_email_team (inbound_email_id, team_id)
    SELECT g.account_id, g.id
    FROM given AS g
    ON CONFLICT DO NOTHING
)

SELECT e.id
FROM edited AS e
