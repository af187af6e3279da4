-- E-mail reminders that should have gone by now and that nobody has looked at (else it is noted why they wait):
-- $1 how long ago they were due at least, $2 how long after the start it is too late, $3 where to stop counting
SELECT
    count(*)::integer AS reminders,
    min(late.next_attempt_at) AS since
FROM (
    SELECT r.next_attempt_at
    FROM jobrunner.reminder AS r
    WHERE r.type = 'Email'
        AND r.state = 'Waiting'
        AND r.reason IS NULL
        AND r.next_attempt_at <= now() - $1::interval
        AND r.start_at > now() - $2::interval
    ORDER BY r.next_attempt_at, r.id
    LIMIT $3::integer
) AS late
