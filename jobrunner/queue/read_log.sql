-- The next lines of a job's log after line $2, oldest first.
SELECT
    l.line,
    l.attempt,
    l.at,
    l.level,
    l.logger,
    l.message
FROM jobrunner.job_log AS l
WHERE l.job_id = $1 AND l.line > $2
ORDER BY l.line
LIMIT $3
