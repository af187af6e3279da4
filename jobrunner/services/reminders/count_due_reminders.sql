-- How many e-mail reminders are due, counted up to a limit:
-- $1 how long after the start it is too late, $2 where to stop counting
SELECT count(*)::integer AS due
FROM (
    SELECT
    FROM jobrunner.reminder AS r
    WHERE r.type = 'Email'
        AND r.state = 'Waiting'
        AND r.next_attempt_at <= now()
        AND r.start_at > now() - $1::interval
    LIMIT $2::integer
) AS found
