-- Says that a daemon sleeps, so that enqueues notify. Returns the first transaction that cannot have missed it.
UPDATE jobrunner.daemon AS d
SET asleep = true
WHERE d.id = $1
RETURNING pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS horizon
