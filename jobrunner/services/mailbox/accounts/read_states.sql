-- What is known of accounts, as it is at this moment: $1 their kind, $2 their ids or NULL for all
SELECT
    s.account_kind::text AS kind,
    s.account_id,
    s.paused_kind::text AS paused_kind,
    s.pause_reason,
    s.paused_at,
    s.failures,
    CASE WHEN s.retry_at > clock_timestamp() THEN s.retry_at END AS retry_at,
    s.last_trouble,
    s.last_trouble_folder,
    s.last_trouble_at,
    s.connected_at,
    s.watched_at
FROM jobrunner.mail_account_state AS s
WHERE s.account_kind = $1::jobrunner.mail_account_kind
    AND ($2::bigint[] IS NULL OR s.account_id = ANY ($2::bigint[]))
ORDER BY s.account_id
