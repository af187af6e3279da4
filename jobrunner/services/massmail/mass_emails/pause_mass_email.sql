-- $1 id, $2 reason
UPDATE jobrunner.mass_email AS m
SET status = 'Paused',
    paused_at = now(),
    reason = left($2::text, 1000)
WHERE m.id = $1::bigint AND m.status IN ('Pending', 'In Process')
RETURNING m.id
