SELECT e.name
FROM jobrunner.email_template AS e
ORDER BY e.name
LIMIT 1000
