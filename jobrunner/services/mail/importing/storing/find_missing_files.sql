-- The next $3 files after $1, up to $2, by their hashes, that are in their places if all is well.
SELECT f.sha256, f.missing_since IS NOT NULL AS was_missing
FROM jobrunner.stored_file AS f
WHERE f.sha256 > $1::bytea
    AND f.sha256 <= $2::bytea
    AND f.pinned_until < now()
ORDER BY f.sha256
LIMIT $3::integer
