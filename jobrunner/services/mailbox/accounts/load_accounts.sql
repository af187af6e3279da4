-- Accounts with their sealed secrets: $1 their kind, $2 their ids or NULL for all.
WITH account AS (
    SELECT
        'Personal'::jobrunner.mail_account_kind AS kind,
        e.id, e.name, e.email_address, e.status, e.use_imap, e.host, e.port, e.security, e.username, e.login, e.password,
        e.oauth_token_url, e.oauth_client_id, e.oauth_scope, e.oauth_client_secret, e.oauth_refresh_token,
        e.monitored_folders, e.fetch_since, e.epoch, e.keep_fetched_emails_unread, e.idle, e.sent_folder,
        e.guarded,
        e.assigned_user_id AS user_id,
        coalesce(u.active, false) AS is_owned
    FROM jobrunner.email_account AS e
    LEFT JOIN jobrunner.app_user AS u ON u.id = e.assigned_user_id
    UNION ALL
    SELECT
        'Group',
        i.id, i.name, i.email_address, i.status, i.use_imap, i.host, i.port, i.security, i.username, i.login, i.password,
        i.oauth_token_url, i.oauth_client_id, i.oauth_scope, i.oauth_client_secret, i.oauth_refresh_token,
        i.monitored_folders, i.fetch_since, i.epoch, i.keep_fetched_emails_unread, i.idle, i.sent_folder,
        i.guarded,
        NULL,
        true
    FROM jobrunner.inbound_email AS i
)
SELECT
    account.*,
    CASE
        WHEN account.guarded
            THEN (SELECT s.value::text FROM jobrunner.setting AS s WHERE s.name = 'email_server_allowed_address_list')
    END AS allowed_addresses
FROM account
WHERE account.kind = $1::jobrunner.mail_account_kind AND ($2::bigint[] IS NULL OR account.id = ANY($2))
ORDER BY account.id
