-- Jobs queued before their definition was known, or before it changed: from coroutine to blocking or back, and those
-- of a schedule whose definition fans out, which prepare.
WITH wrong AS (
    SELECT
        j.id,
        k.blocking,
        k.preparing
    FROM jobrunner.job AS j
    JOIN jobrunner.definition AS d ON d.name = j.name
    CROSS JOIN LATERAL (
        SELECT
            d.blocking,
            d.fans_out AND j.scheduled_job_id IS NOT NULL AND j.target_type IS NULL AND j.target_id IS NULL AS preparing
    ) AS k
    WHERE
        d.name = ANY($1::text[])
        AND j.status = 'Pending'
        AND (j.blocking, j.preparing) IS DISTINCT FROM (k.blocking, k.preparing)
    ORDER BY j.id
    FOR NO KEY UPDATE OF j
)
UPDATE jobrunner.job AS j
SET
    blocking = wrong.blocking,
    preparing = wrong.preparing
FROM wrong
WHERE j.id = wrong.id AND j.status = 'Pending'
