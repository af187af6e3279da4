-- Makes rows for files that none knows, and returns those it made: until the commit nobody else can pin these files.
INSERT INTO jobrunner.stored_file (sha256, size, pinned_until)
SELECT n.sha256, 0, now()
FROM unnest($1::bytea[]) AS n (sha256)
ORDER BY n.sha256
ON CONFLICT (sha256) DO NOTHING
RETURNING sha256
