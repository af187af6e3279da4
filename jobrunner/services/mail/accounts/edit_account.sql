-- Changes an account, if it is as it was read: $1 id, $2 its new row as JSON, $3 when it was changed before, $4 the
-- secrets that are changed (the others are left alone: they may be re-sealed at this moment)
UPDATE jobrunner.smtp_account AS a
SET
    name = r.name,
    kind = r.kind,
    status = r.status,
    user_id = r.user_id,
    host = r.host,
    port = r.port,
    security = r.security,
    local_hostname = r.local_hostname,
    username = r.username,
    login = r.login,
    oauth_token_url = r.oauth_token_url,
    oauth_client_id = r.oauth_client_id,
    oauth_scope = r.oauth_scope,
    from_address = r.from_address,
    from_name = r.from_name,
    reply_to_address = r.reply_to_address,
    for_mass_mail = r.for_mass_mail,
    is_shared = r.is_shared,
    guarded = r.guarded,
    rate_per_minute = r.rate_per_minute,
    rate_per_hour = r.rate_per_hour,
    domain_rate_per_minute = r.domain_rate_per_minute,
    domain_rate_per_hour = r.domain_rate_per_hour,
    domain_concurrency = r.domain_concurrency,
    max_connections = r.max_connections,
    messages_per_connection = r.messages_per_connection,
    idle_close = r.idle_close,
    uncertain_policy = r.uncertain_policy,
    dkim_domain = r.dkim_domain,
    dkim_selector = r.dkim_selector,
    dkim_second_selector = r.dkim_second_selector,
    password = CASE WHEN 'password' = ANY ($4::text[]) THEN r.password ELSE a.password END,
    oauth_client_secret = CASE WHEN 'oauth_client_secret' = ANY ($4::text[]) THEN r.oauth_client_secret ELSE a.oauth_client_secret END,
    oauth_refresh_token = CASE WHEN 'oauth_refresh_token' = ANY ($4::text[]) THEN r.oauth_refresh_token ELSE a.oauth_refresh_token END,
    dkim_key = CASE WHEN 'dkim_key' = ANY ($4::text[]) THEN r.dkim_key ELSE a.dkim_key END,
    dkim_second_key = CASE WHEN 'dkim_second_key' = ANY ($4::text[]) THEN r.dkim_second_key ELSE a.dkim_second_key END,
    modified_at = greatest(clock_timestamp(), a.modified_at + interval '1 us')
FROM jsonb_populate_record(NULL::jobrunner.smtp_account, $2::text::jsonb) AS r
WHERE a.id = $1
    AND a.modified_at = $3
RETURNING a.id
