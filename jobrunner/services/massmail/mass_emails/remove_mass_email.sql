-- With its items; the links in its mails go on to work. Not while it is under way, or one of its mails is.
DELETE FROM jobrunner.mass_email AS m
WHERE m.id = $1::bigint
    AND m.status NOT IN ('Pending', 'In Process')
    AND NOT EXISTS (
        SELECT
        FROM jobrunner.queue_item AS q
        WHERE q.mass_email_id = m.id AND q.status = 'Sending'
    )
RETURNING m.id
