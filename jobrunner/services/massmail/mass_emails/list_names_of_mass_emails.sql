SELECT m.name
FROM jobrunner.mass_email AS m
ORDER BY m.id DESC
LIMIT 1000
