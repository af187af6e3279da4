DELETE FROM jobrunner.stored_file AS f
WHERE f.sha256 = ANY($1::bytea[])
