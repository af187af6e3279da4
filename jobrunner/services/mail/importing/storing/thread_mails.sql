-- The thread of these mails, and of all that answer them: that of the first mail above them. A mail in a circle of mails
-- that answer each other has the lowest number in it. Locked in the order of ids:
-- others who import mails of the same thread move the same ones.
WITH RECURSIVE below AS (
    SELECT g.id
    FROM unnest($1::bigint[]) AS g (id)
    UNION
    SELECT e.id
    FROM below AS b
    INNER JOIN jobrunner.email AS e ON e.replied_id = b.id
),

above AS (
    SELECT b.id, b.id AS ancestor
    FROM below AS b
    UNION
    SELECT a.id, e.replied_id
    FROM above AS a
    INNER JOIN jobrunner.email AS e ON e.id = a.ancestor
    WHERE e.replied_id IS NOT NULL
),

roots AS (
    SELECT
        a.id,
        coalesce(min(a.ancestor) FILTER (WHERE e.replied_id IS NULL), min(a.ancestor)) AS root
    FROM above AS a
    INNER JOIN jobrunner.email AS e ON e.id = a.ancestor
    GROUP BY a.id
),

locked AS (
    SELECT e.id, r.root
    FROM roots AS r
    INNER JOIN jobrunner.email AS e ON e.id = r.id
    WHERE e.thread_id <> r.root
    ORDER BY e.id
    FOR NO KEY UPDATE OF e
)

UPDATE jobrunner.email AS e
SET thread_id = l.root
FROM locked AS l
WHERE e.id = l.id AND e.thread_id <> l.root
