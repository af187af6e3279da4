-- How many jobs of the group $1 go before one of priority $2, time $3 and id $4, counted up to $5.
SELECT count(*)
FROM (
    SELECT
    FROM jobrunner.job AS j
    WHERE
        j.group_name = $1
        AND j.hold = 'Group'
        AND (j.priority, j.execute_at, j.id) < ($2::integer, $3::timestamptz, $4::bigint)
    ORDER BY j.group_name, j.priority, j.execute_at, j.id
    LIMIT $5
) AS j
