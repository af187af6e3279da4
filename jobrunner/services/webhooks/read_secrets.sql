-- The secrets of a webhook that sign now, the newest first: $1 which webhook.
SELECT s.id, s.secret::text AS secret
FROM jobrunner.webhook_secret AS s
WHERE s.webhook_id = $1::bigint AND (s.valid_until IS NULL OR s.valid_until > now())
ORDER BY s.valid_until DESC NULLS FIRST, s.id DESC
