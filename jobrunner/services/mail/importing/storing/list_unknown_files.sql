-- Which of these hashes no row knows.
SELECT n.sha256
FROM unnest($1::bytea[]) AS n (sha256)
WHERE NOT EXISTS (SELECT FROM jobrunner.stored_file AS f WHERE f.sha256 = n.sha256)
