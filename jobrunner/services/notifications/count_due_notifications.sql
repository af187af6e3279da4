-- How many notifications are due, counted up to a limit:
-- $1 how old is too old, $2 whether only assignments, $3 where to stop counting
SELECT count(*)::integer AS due
FROM (
    SELECT
    FROM jobrunner.notification AS n
    WHERE n.mail = 'Waiting'
        AND n.next_attempt_at <= now()
        AND n.created_at > now() - $1::interval
        AND (NOT $2::boolean OR n.type = 'Assignment')
    LIMIT $3::integer
) AS found
