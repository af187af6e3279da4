-- The queues that job definitions use.
SELECT DISTINCT d.queue
FROM jobrunner.definition AS d
ORDER BY d.queue
