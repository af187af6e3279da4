-- $1 campaign, $2 id, $3 the columns that change, as JSON
UPDATE jobrunner.tracking_url AS t
SET (name, action, url, message) = (
    SELECT p.name, p.action, p.url, p.message
    FROM jsonb_populate_record(t, $3::text::jsonb) AS p
)
WHERE t.campaign_id = $1::bigint AND t.id = $2::bigint
RETURNING t.id
