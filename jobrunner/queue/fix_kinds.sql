-- Jobs queued before their definition was known, or before it changed from coroutine to blocking or back.
UPDATE jobrunner.job AS j
SET blocking = d.blocking
FROM jobrunner.definition AS d
WHERE
    d.name = ANY($1::text[])
    AND j.name = d.name
    AND j.blocking <> d.blocking
    AND j.status = 'Pending'
