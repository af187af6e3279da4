-- A daemon that stopped well and holds nothing.
DELETE FROM jobrunner.daemon AS d
WHERE d.id = $1
