-- $1 id, $2 reason, $3 whether a fault pauses it, rather than a person
UPDATE jobrunner.mass_email AS m
SET status = 'Paused',
    paused_at = now(),
    paused_by_fault = $3::boolean,
    reason = left($2::text, 1000)
WHERE m.id = $1::bigint AND m.status IN ('Pending', 'In Process')
RETURNING m.id
