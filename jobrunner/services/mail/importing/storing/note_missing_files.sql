-- Notes which files are missing ($1), and which are there again ($2); rows that somebody holds are left to the next look.
WITH found AS (
    SELECT f.sha256, f.sha256 = ANY ($1::bytea[]) AS is_missing
    FROM jobrunner.stored_file AS f
    WHERE f.sha256 = ANY ($1::bytea[] || $2::bytea[])
    ORDER BY f.sha256
    FOR UPDATE SKIP LOCKED
)
UPDATE jobrunner.stored_file AS f
SET missing_since = CASE WHEN n.is_missing THEN coalesce(f.missing_since, now()) END
FROM found AS n
WHERE f.sha256 = n.sha256
