-- How many ready jobs of its queue and kind are claimed before a job that is ready, counted up to $2.
SELECT count(*)
FROM (
    SELECT
    FROM jobrunner.job AS me
    JOIN jobrunner.job AS j ON j.queue = me.queue AND j.blocking = me.blocking
    WHERE
        me.id = $1
        AND j.hold IS NULL
        AND j.status = 'Pending'
        AND (j.priority, j.execute_at, j.id) < (me.priority, me.execute_at, me.id)
    LIMIT $2
) AS j
