-- Says that a daemon looks by itself: enqueues need not notify it.
UPDATE jobrunner.daemon AS d
SET asleep = false
WHERE d.id = $1
