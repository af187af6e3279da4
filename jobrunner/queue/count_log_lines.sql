-- How many log lines a job has, counted up to $2.
SELECT count(*)
FROM (
    SELECT
    FROM jobrunner.job_log AS l
    WHERE l.job_id = $1
    LIMIT $2
) AS l
