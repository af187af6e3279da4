-- Ends reminders for which it is too late, a portion at a time:
-- $1 how long after the start it is too late, $2 how many at most
WITH late AS (
    SELECT r.id
    FROM jobrunner.reminder AS r
    WHERE r.type = 'Email'
        AND r.state = 'Waiting'
        AND r.next_attempt_at <= now()
        AND r.start_at <= now() - $1::interval
    ORDER BY r.next_attempt_at, r.id
    LIMIT $2::integer
    FOR UPDATE SKIP LOCKED
)
UPDATE jobrunner.reminder AS r
SET state = 'Missed',
    finished_at = now(),
    reason = coalesce(r.reason, 'nothing ran in time')
FROM late
WHERE r.id = late.id
RETURNING r.id
