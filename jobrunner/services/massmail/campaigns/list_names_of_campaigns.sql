SELECT c.name
FROM jobrunner.campaign AS c
ORDER BY c.name
LIMIT 1000
