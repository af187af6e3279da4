-- Fires scheduled jobs (see jobrunner.fire); returns what the rows are afterwards.
SELECT
    f.id,
    f.revision,
    f.next_fire_at,
    f.job_id,
    f.added
FROM jobrunner.fire($1, $2, $3, $4, $5, $6) AS f
