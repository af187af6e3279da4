-- Writes next fire times and problems, each only where the row is still what was read: $3 is the next fire time then.
-- A row that somebody else holds is passed over: he writes the same, or an edit that makes this void.
WITH right_time AS (
    SELECT *
    FROM unnest(
        $1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::text[]
    ) AS n (id, revision, former, next_fire_at, problem)
), locked AS (
    SELECT s.id
    FROM jobrunner.scheduled_job AS s
    JOIN right_time AS n ON n.id = s.id
    WHERE s.revision = n.revision AND s.next_fire_at IS NOT DISTINCT FROM n.former
    ORDER BY s.id
    FOR NO KEY UPDATE OF s SKIP LOCKED
)
UPDATE jobrunner.scheduled_job AS s
SET
    next_fire_at = n.next_fire_at,
    problem = n.problem
FROM locked
JOIN right_time AS n ON n.id = locked.id
WHERE s.id = locked.id AND s.revision = n.revision AND s.next_fire_at IS NOT DISTINCT FROM n.former
