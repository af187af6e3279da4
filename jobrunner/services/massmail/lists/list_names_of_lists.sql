SELECT l.name
FROM jobrunner.target_list AS l
ORDER BY l.name
LIMIT 1000
