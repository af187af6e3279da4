-- $1 campaign, NULL for none
SELECT t.id
FROM jobrunner.tracking_url AS t
WHERE t.campaign_id = $1::bigint
ORDER BY t.id
