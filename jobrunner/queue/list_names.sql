-- Names that daemons have published, and the schedules' jobs: what a name given by a person may mean.
SELECT d.name
FROM jobrunner.definition AS d
UNION
SELECT s.job AS name
FROM jobrunner.scheduled_job AS s
ORDER BY name
