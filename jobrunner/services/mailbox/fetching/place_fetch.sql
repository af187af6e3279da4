-- A job named $1 for the target $2, $3, as the scheduled job would make it; where one waits, that one is enough.
SELECT
    p.job_id,
    p.added
FROM jobrunner.place_jobs(
    ARRAY[(
        SELECT s.id
        FROM jobrunner.scheduled_job AS s
        WHERE s.job = $1::text
        ORDER BY s.status = 'Active' DESC, s.id
        LIMIT 1
    )],
    ARRAY[$1::text],
    ARRAY[false],
    ARRAY[$2::text],
    ARRAY[$3::text],
    ARRAY['{}'::jsonb],
    NULL,
    NULL,
    NULL,
    NULL,
    false
) AS p
