-- Notes on item $1 that it came back: $2 why, $3 enhanced code. (Locked before its log and its address, as by who sends.)
UPDATE jobrunner.queue_item AS q
SET reason = left($2::text, 1000),
    enhanced_code = coalesce($3::text, q.enhanced_code)
WHERE q.id = $1::bigint AND q.status = 'Sent'
RETURNING q.id
