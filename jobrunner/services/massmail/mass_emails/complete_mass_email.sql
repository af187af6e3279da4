-- Nothing of it waits or is being sent. The lock is first, so that who builds or starts it again is not overtaken.
UPDATE jobrunner.mass_email AS m
SET status = 'Complete',
    finished_at = now()
WHERE m.id = $1::bigint
    AND m.status = 'In Process'
    AND NOT EXISTS (
        SELECT
        FROM jobrunner.queue_item AS q
        WHERE q.mass_email_id = m.id AND q.status = 'Pending' AND NOT q.is_test
    )
    AND NOT EXISTS (
        SELECT
        FROM jobrunner.queue_item AS q
        WHERE q.mass_email_id = m.id AND q.status = 'Sending' AND NOT q.is_test
    )
RETURNING m.id
