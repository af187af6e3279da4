-- What published definitions say about jobs whose enqueuer does not.
SELECT
    d.name,
    d.queue,
    d.max_attempts,
    d.blocking
FROM jobrunner.definition AS d
WHERE d.name = ANY($1::text[])
