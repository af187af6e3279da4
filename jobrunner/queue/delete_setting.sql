-- Sets one setting back to its default.
DELETE FROM jobrunner.setting AS s
WHERE s.name = $1
RETURNING s.name
