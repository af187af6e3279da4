-- Jobs queued before their definition was known, or before it changed: from coroutine to blocking or back, and those
-- of a schedule whose definition fans out, which prepare.
UPDATE jobrunner.job AS j
SET
    blocking = d.blocking,
    preparing = d.fans_out AND j.scheduled_job_id IS NOT NULL AND j.target_type IS NULL AND j.target_id IS NULL
FROM jobrunner.definition AS d
WHERE
    d.name = ANY($1::text[])
    AND j.name = d.name
    AND j.status = 'Pending'
    AND (j.blocking, j.preparing) IS DISTINCT FROM (
        d.blocking,
        d.fans_out AND j.scheduled_job_id IS NOT NULL AND j.target_type IS NULL AND j.target_id IS NULL
    )
