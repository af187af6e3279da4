-- Which live job has the unique key of a finished one.
SELECT
    j.id,
    j.unique_key
FROM jobrunner.job_history AS h
JOIN jobrunner.job AS j ON j.unique_key = h.unique_key
WHERE h.id = $1
LIMIT 1
