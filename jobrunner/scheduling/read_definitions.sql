-- What daemons say that they can run.
SELECT
    d.name,
    d.crontab,
    d.fans_out,
    d.parameters
FROM jobrunner.definition AS d
ORDER BY d.name
