-- Of the next $3 files after $1, up to $2, by their hashes: where that part ends, and which of them nobody names and had
-- their pin run out.
WITH part AS (
    SELECT f.sha256, f.pinned_until
    FROM jobrunner.stored_file AS f
    WHERE f.sha256 > $1::bytea
        AND f.sha256 <= $2::bytea
    ORDER BY f.sha256
    LIMIT $3::integer
)
SELECT
    (SELECT p.sha256 FROM part AS p ORDER BY p.sha256 DESC LIMIT 1) AS ends_at,
    ARRAY(
        SELECT p.sha256
        FROM part AS p
        WHERE p.pinned_until < now()
            AND NOT EXISTS (SELECT FROM jobrunner.email_attachment AS a WHERE a.sha256 = p.sha256)
            AND NOT EXISTS (SELECT FROM jobrunner.case_attachment AS c WHERE c.sha256 = p.sha256)
            AND NOT EXISTS (SELECT FROM jobrunner.email AS e WHERE e.source_sha256 = p.sha256)
            AND NOT EXISTS (SELECT FROM jobrunner.mail_fetch_failure AS m WHERE m.source_sha256 = p.sha256)
        ORDER BY p.sha256
    ) AS unused
