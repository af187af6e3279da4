-- Rows for files that are about to be put into their places; those that are there already are kept for longer, and one
-- that was missing comes back.
INSERT INTO jobrunner.stored_file AS f (sha256, size, pinned_until)
SELECT n.sha256, n.size, now() + $3::interval
FROM unnest($1::bytea[], $2::bigint[]) AS n (sha256, size)
ORDER BY n.sha256
ON CONFLICT (sha256) DO UPDATE SET pinned_until = greatest(f.pinned_until, excluded.pinned_until), missing_since = NULL
