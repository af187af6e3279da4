-- Files that nobody names and whose pin ran out: $1 how many at most.
SELECT f.sha256
FROM jobrunner.stored_file AS f
WHERE f.pinned_until < now()
    AND NOT EXISTS (SELECT FROM jobrunner.email_attachment AS a WHERE a.sha256 = f.sha256)
    AND NOT EXISTS (SELECT FROM jobrunner.case_attachment AS c WHERE c.sha256 = f.sha256)
    AND NOT EXISTS (SELECT FROM jobrunner.email AS e WHERE e.source_sha256 = f.sha256)
    AND NOT EXISTS (SELECT FROM jobrunner.mail_fetch_failure AS m WHERE m.source_sha256 = f.sha256)
LIMIT $1::integer
