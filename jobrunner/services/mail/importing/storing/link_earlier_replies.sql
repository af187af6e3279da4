-- Mails that answered one of the new ones before it was there. Not what the new one answers itself, however indirectly.
-- Locked in the order of ids: others who import mails of the same thread link the same ones.
WITH found AS (
    SELECT DISTINCT ON (r.email_id) r.email_id, p.id AS replied_id
    FROM jobrunner.email AS p
    INNER JOIN jobrunner.email_reference AS r ON r.message_ref = p.message_ref
    INNER JOIN jobrunner.email AS c ON c.id = r.email_id AND c.replied_id IS NULL AND c.id <> p.id
    WHERE p.id = ANY ($1::bigint[]) AND r.email_id <> ALL ($1)
        AND NOT EXISTS (
            WITH RECURSIVE above AS (
                SELECT p.replied_id AS id
                UNION
                SELECT a.replied_id
                FROM above AS b
                INNER JOIN jobrunner.email AS a ON a.id = b.id
            )
            SELECT FROM above AS b WHERE b.id = c.id
        )
    ORDER BY r.email_id, r.position, p.id
),

locked AS (
    SELECT e.id, f.replied_id
    FROM found AS f
    INNER JOIN jobrunner.email AS e ON e.id = f.email_id
    -- Again: whoever was waited for may have linked it.
    WHERE e.replied_id IS NULL
    ORDER BY e.id
    FOR NO KEY UPDATE OF e
)

UPDATE jobrunner.email AS e
SET replied_id = l.replied_id
FROM locked AS l
WHERE e.id = l.id
RETURNING e.id
