-- Notes on what is due why it waits: $1 the reason, $2 how long after the start it is too late, $3 how many at most
WITH held AS (
    SELECT r.id
    FROM jobrunner.reminder AS r
    WHERE r.type = 'Email'
        AND r.state = 'Waiting'
        AND r.next_attempt_at <= now()
        AND r.start_at > now() - $2::interval
        AND r.reason IS DISTINCT FROM $1::text
    ORDER BY r.next_attempt_at, r.id
    LIMIT $3::integer
    FOR UPDATE SKIP LOCKED
)
UPDATE jobrunner.reminder AS r
SET reason = $1::text
FROM held
WHERE r.id = held.id
RETURNING r.id
