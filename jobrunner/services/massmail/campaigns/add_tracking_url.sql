-- $1 campaign, $2 name, $3 action, $4 URL or NULL, $5 message or NULL
INSERT INTO jobrunner.tracking_url (campaign_id, name, action, url, message)
VALUES ($1::bigint, $2::text, $3::text::jobrunner.tracking_action, $4::text, $5::text)
RETURNING id
