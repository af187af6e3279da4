-- Notes on item $1 that it came back: $2 why, $3 enhanced code. So it was taken by the mail server, if that was in doubt.
-- (Locked before its log and its address, as by who sends.)
UPDATE jobrunner.queue_item AS q
SET status = 'Sent',
    sent_at = coalesce(q.sent_at, q.finished_at),
    reason = left($2::text, 1000),
    enhanced_code = coalesce($3::text, q.enhanced_code)
WHERE q.id = $1::bigint AND q.status IN ('Sent', 'Uncertain')
RETURNING q.id
