-- Removes up to $2 notes of attempts that ended before $1; returns how many.
WITH old AS (
    SELECT a.ctid
    FROM jobrunner.attempt AS a
    WHERE a.ended_at < $1
    ORDER BY a.ended_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED  -- what another daemon is removing
), removed AS (
    DELETE FROM jobrunner.attempt AS a
    USING old
    WHERE a.ctid = old.ctid
    RETURNING a.job_id
)
SELECT count(*)
FROM removed
