-- What each new mail answers: the first of its references that is there.
UPDATE jobrunner.email AS e
SET replied_id = f.id, thread_id = f.thread_id
FROM (
    SELECT DISTINCT ON (r.email_id) r.email_id, p.id, p.thread_id
    FROM jobrunner.email_reference AS r
    INNER JOIN jobrunner.email AS p ON p.message_ref = r.message_ref AND p.id <> r.email_id
    WHERE r.email_id = ANY ($1::bigint[])
    ORDER BY r.email_id, r.position, p.id
) AS f
WHERE e.id = f.email_id
RETURNING e.id, e.replied_id
