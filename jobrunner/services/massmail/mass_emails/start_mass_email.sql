-- $1 id, $2 when (NULL: as it says, or now where that is past), $3 for whom, if it is finished: NULL, 'rest' or 'everybody'
UPDATE jobrunner.mass_email AS m
SET status = 'Pending',
    start_at = coalesce($2::timestamptz, greatest(m.start_at, now())),
    generation = m.generation + CASE WHEN m.finished_at IS NOT NULL AND $3::text = 'everybody' THEN 1 ELSE 0 END,
    reason = NULL,
    left_out = '{}',
    built_at = NULL,
    resumed_at = CASE WHEN m.finished_at IS NOT NULL THEN now() END,
    finished_at = NULL
WHERE m.id = $1::bigint AND (m.status = 'Draft' OR (m.finished_at IS NOT NULL AND $3::text IN ('rest', 'everybody')))
RETURNING m.id
