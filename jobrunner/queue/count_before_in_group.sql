-- How many jobs of a group go before a job that waits in it, counted up to $2.
SELECT count(*)
FROM (
    SELECT
    FROM jobrunner.job AS me
    JOIN jobrunner.job AS j ON j.group_name = me.group_name
    WHERE
        me.id = $1
        AND j.hold = 'Group'
        AND (j.priority, j.execute_at, j.id) < (me.priority, me.execute_at, me.id)
    LIMIT $2
) AS j
