-- Ends popups that nobody has dismissed, a portion at a time: $1 how long after the start, $2 how many at most
WITH late AS (
    SELECT r.id
    FROM jobrunner.reminder AS r
    WHERE r.type = 'Popup'
        AND r.finished_at IS NULL
        AND r.start_at <= now() - $1::interval
        AND r.next_attempt_at <= now() - $1::interval
    ORDER BY r.start_at, r.id
    LIMIT $2::integer
    FOR UPDATE SKIP LOCKED
)
UPDATE jobrunner.reminder AS r
SET state = 'Expired',
    finished_at = now(),
    reason = CASE r.state
        WHEN 'Waiting' THEN 'nothing ran in time'
        WHEN 'Due' THEN 'no page of the user has shown it'
        ELSE 'seen and not dismissed'
    END
FROM late
WHERE r.id = late.id
RETURNING r.id
