SELECT
    f.sha256,
    EXISTS (SELECT FROM jobrunner.email_attachment AS a WHERE a.sha256 = f.sha256)
        OR EXISTS (SELECT FROM jobrunner.case_attachment AS c WHERE c.sha256 = f.sha256)
        OR EXISTS (SELECT FROM jobrunner.email AS e WHERE e.source_sha256 = f.sha256)
        OR EXISTS (SELECT FROM jobrunner.mail_fetch_failure AS m WHERE m.source_sha256 = f.sha256) AS is_named
FROM jobrunner.stored_file AS f
