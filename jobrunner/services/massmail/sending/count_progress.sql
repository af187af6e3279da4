-- How much there is to send of all mass e-mails that are being sent, and how much of it is done
SELECT
    count(*) AS total,
    count(*) FILTER (WHERE q.status NOT IN ('Pending', 'Sending')) AS done
FROM jobrunner.mass_email AS m
JOIN jobrunner.queue_item AS q ON q.mass_email_id = m.id AND q.generation = m.generation
WHERE m.status = 'In Process' AND NOT q.is_test
