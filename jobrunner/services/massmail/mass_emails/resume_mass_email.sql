-- To where it was paused: its queue is built, or it is not.
UPDATE jobrunner.mass_email AS m
SET status = CASE WHEN m.built_at IS NULL THEN 'Pending' ELSE 'In Process' END::jobrunner.mass_email_status,
    paused_at = NULL,
    resumed_at = now(),
    reason = NULL
WHERE m.id = $1::bigint AND m.status = 'Paused'
RETURNING m.id
