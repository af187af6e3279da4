-- The jobs that hold these unique keys; not locked, so that no enqueuer keeps a job from ending.
SELECT
    j.unique_key,
    j.id
FROM jobrunner.job AS j
WHERE j.unique_key = ANY($1::text[])
