-- The state of accounts, as it is at this moment: $1 their keys, NULL for all
SELECT
    s.account,
    CASE WHEN n.paused THEN s.paused_kind::text END AS paused_kind,
    CASE WHEN n.paused THEN s.pause_reason END AS pause_reason,
    CASE WHEN n.paused THEN s.paused_at END AS paused_at,
    CASE WHEN n.paused THEN s.paused_until END AS paused_until,
    CASE WHEN s.cooled_until > n.moment THEN s.cooled_until END AS cooling_until,
    CASE WHEN s.retry_at > n.moment THEN s.retry_at END AS retry_at,
    s.failures,
    jobrunner.mail_speed(s.speed, s.speed_at, n.moment) AS speed,
    s.last_trouble,
    s.last_trouble_at
FROM jobrunner.smtp_account_state AS s
CROSS JOIN LATERAL (
    SELECT
        clock_timestamp() AS moment,
        s.paused_kind IS NOT NULL AND coalesce(s.paused_until > clock_timestamp(), true) AS paused
) AS n
WHERE $1::text[] IS NULL
    OR s.account = ANY ($1::text[])
ORDER BY s.account
