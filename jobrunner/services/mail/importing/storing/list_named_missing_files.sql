-- What has lost its file: how much in all, and $1 of it as examples.
WITH lost AS (
    SELECT f.sha256, f.missing_since
    FROM jobrunner.stored_file AS f
    WHERE f.missing_since IS NOT NULL
),
named AS (
    SELECT format('%L of e-mail %s', a.name, a.email_id) AS what, l.missing_since
    FROM lost AS l
    JOIN jobrunner.email_attachment AS a ON a.sha256 = l.sha256
    UNION ALL
    SELECT format('%L of case %s', c.name, c.case_id), l.missing_since
    FROM lost AS l
    JOIN jobrunner.case_attachment AS c ON c.sha256 = l.sha256
    UNION ALL
    SELECT format('the source of e-mail %s', e.id), l.missing_since
    FROM lost AS l
    JOIN jobrunner.email AS e ON e.source_sha256 = l.sha256
    UNION ALL
    SELECT format('the source of message %s in %s', m.uid, m.folder), l.missing_since
    FROM lost AS l
    JOIN jobrunner.mail_fetch_failure AS m ON m.source_sha256 = l.sha256
)
SELECT
    (SELECT count(*) FROM named) AS files,
    (SELECT min(n.missing_since) FROM named AS n) AS since,
    ARRAY(SELECT n.what FROM named AS n ORDER BY n.what LIMIT $1::integer) AS examples
