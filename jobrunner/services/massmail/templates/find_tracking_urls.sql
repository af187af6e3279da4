-- Which of these ids ($1) are tracking URLs, of whatever campaign.
SELECT u.id
FROM jobrunner.tracking_url AS u
WHERE u.id = ANY($1::bigint[])
