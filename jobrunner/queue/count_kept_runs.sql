-- How many runs of scheduled jobs that ended on a day stay, whatever their age, when that day goes:
-- $1 when the day ended, $2 whether failed ones are asked for.
SELECT count(*)
FROM jobrunner.scheduled_job AS s
CROSS JOIN LATERAL (
    SELECT
        h.finished_at,
        h.status
    FROM jobrunner.job_history AS h
    WHERE h.scheduled_job_id = s.id
    ORDER BY h.finished_at DESC
    LIMIT jobrunner.kept_runs()
) AS newest
WHERE newest.finished_at >= $1::timestamptz - interval '1 day'
    AND newest.finished_at < $1::timestamptz
    AND (newest.status = 'Failed') = $2::boolean
