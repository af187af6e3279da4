-- Hits that still say who made them: $1 how long that is kept.
SELECT t.ctid
FROM jobrunner.campaign_log AS t
WHERE t.action IN ('Opened', 'Clicked')
    AND t.action_date < now() - $1::text::interval
    AND (t.user_agent IS NOT NULL OR t.ip_prefix IS NOT NULL)
ORDER BY t.action_date, t.ctid
