-- Takes the rows of those of these files that nobody names and whose pin ran out; the caller removes the files before it
-- commits.
WITH unused AS (
    SELECT f.sha256
    FROM jobrunner.stored_file AS f
    WHERE f.sha256 = ANY ($1::bytea[])
        AND f.pinned_until < now()
        AND NOT EXISTS (SELECT FROM jobrunner.email_attachment AS a WHERE a.sha256 = f.sha256)
        AND NOT EXISTS (SELECT FROM jobrunner.case_attachment AS c WHERE c.sha256 = f.sha256)
        AND NOT EXISTS (SELECT FROM jobrunner.email AS e WHERE e.source_sha256 = f.sha256)
        AND NOT EXISTS (SELECT FROM jobrunner.mail_fetch_failure AS m WHERE m.source_sha256 = f.sha256)
    ORDER BY f.sha256
    FOR UPDATE SKIP LOCKED
)
DELETE FROM jobrunner.stored_file AS f
USING unused AS u
WHERE f.sha256 = u.sha256
RETURNING f.sha256
