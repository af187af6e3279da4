-- The accounts without what is sealed: $1 an id, a name or 'system'; NULL for all
SELECT
    a.id,
    a.name,
    a.kind::text AS kind,
    a.status::text AS status,
    a.user_id,
    a.host,
    a.port,
    a.security::text AS security,
    a.local_hostname,
    a.username,
    a.login::text AS login,
    a.oauth_token_url,
    a.oauth_client_id,
    a.oauth_scope,
    a.from_address,
    a.from_name,
    a.reply_to_address,
    a.for_mass_mail,
    a.is_shared,
    a.guarded,
    a.rate_per_minute,
    a.rate_per_hour,
    a.domain_rate_per_minute,
    a.domain_rate_per_hour,
    a.domain_concurrency,
    a.max_connections,
    a.messages_per_connection,
    extract(epoch FROM a.idle_close)::double precision AS idle_close,
    a.uncertain_policy::text AS uncertain_policy,
    a.dkim_domain,
    a.dkim_selector,
    a.dkim_second_selector,
    array_remove(ARRAY[
        CASE WHEN a.password IS NOT NULL THEN 'password' END,
        CASE WHEN a.oauth_client_secret IS NOT NULL THEN 'oauth_client_secret' END,
        CASE WHEN a.oauth_refresh_token IS NOT NULL THEN 'oauth_refresh_token' END,
        CASE WHEN a.dkim_key IS NOT NULL THEN 'dkim_key' END,
        CASE WHEN a.dkim_second_key IS NOT NULL THEN 'dkim_second_key' END
    ], NULL) AS secrets,
    a.created_at,
    a.modified_at
FROM jobrunner.smtp_account AS a
WHERE $1::text IS NULL
    OR a.id::text = $1
    OR a.name = $1
    OR ($1 = 'system' AND a.kind = 'System')
ORDER BY a.id
