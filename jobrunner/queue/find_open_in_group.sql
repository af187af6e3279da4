-- The job that keeps a group closed for the others.
SELECT
    j.id,
    j.name,
    j.status::text AS status,
    j.hold::text AS hold,
    j.execute_at,
    j.started_at
FROM jobrunner.job AS j
WHERE j.group_name = $1 AND (j.hold IS NULL OR j.hold = 'Retry')
