-- $1 campaign, $2 id
DELETE FROM jobrunner.tracking_url AS t
WHERE t.campaign_id = $1::bigint AND t.id = $2::bigint
RETURNING t.id
