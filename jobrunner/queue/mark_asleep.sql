-- Says that a daemon sleeps, so that enqueues notify. No row: it was forgotten and must register anew.
UPDATE jobrunner.daemon AS d
SET asleep = true
WHERE d.id = $1
RETURNING d.id
