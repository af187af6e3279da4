-- Removes what finished long ago, a portion at a time:
-- $1 how long finished ones are kept, $2 how many at most
WITH old AS (
    SELECT r.id
    FROM jobrunner.reminder AS r
    WHERE r.finished_at < now() - $1::interval
    ORDER BY r.finished_at, r.id
    LIMIT $2::integer
    FOR UPDATE SKIP LOCKED
)
DELETE FROM jobrunner.reminder AS r
USING old
WHERE r.id = old.id
RETURNING r.id
