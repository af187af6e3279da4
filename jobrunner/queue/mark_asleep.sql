-- Says that a daemon sleeps, so that enqueues notify. No row: it was forgotten and must register anew.
-- Claims, on the same connection, do not wait for the disk; this does: lost in a crash, nobody would notify.
UPDATE jobrunner.daemon AS d
SET asleep = true
FROM (SELECT set_config('synchronous_commit', 'on', true)) AS durable
WHERE d.id = $1
RETURNING d.id
