-- What each new mail answers: the first of its references that is there. Locked in the order of ids.
WITH found AS (
    SELECT DISTINCT ON (r.email_id) r.email_id, p.id AS replied_id, p.thread_id
    FROM jobrunner.email_reference AS r
    INNER JOIN jobrunner.email AS p ON p.message_ref = r.message_ref AND p.id <> r.email_id
    WHERE r.email_id = ANY ($1::bigint[])
    ORDER BY r.email_id, r.position, p.id
),

locked AS (
    SELECT e.id, f.replied_id, f.thread_id
    FROM found AS f
    INNER JOIN jobrunner.email AS e ON e.id = f.email_id
    ORDER BY e.id
    FOR NO KEY UPDATE OF e
)

UPDATE jobrunner.email AS e
SET replied_id = l.replied_id, thread_id = l.thread_id
FROM locked AS l
WHERE e.id = l.id
RETURNING e.id, e.replied_id
