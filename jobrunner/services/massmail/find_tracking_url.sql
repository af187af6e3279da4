-- Where a tracked link leads. $1: the tracking URL.
SELECT
    t.action::text AS action,
    t.url,
    t.message
FROM jobrunner.tracking_url AS t
WHERE t.id = $1::bigint
