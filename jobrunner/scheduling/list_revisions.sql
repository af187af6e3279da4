-- Active scheduled jobs, to see which of them changed.
SELECT
    s.id,
    s.revision
FROM jobrunner.scheduled_job AS s
WHERE s.status = 'Active'
ORDER BY s.id
