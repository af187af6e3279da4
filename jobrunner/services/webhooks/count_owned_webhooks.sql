-- How many webhooks a user owns: $1 whose.
SELECT count(*) AS webhooks
FROM jobrunner.webhook AS w
WHERE w.owner_id = $1::text
