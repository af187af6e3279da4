-- Mass e-mails that are not finished and use the list: $1.
SELECT m.name
FROM jobrunner.mass_email AS m
WHERE m.status NOT IN ('Complete', 'Failed', 'Aborted')
    AND EXISTS (
        SELECT
        FROM jobrunner.mass_email_list AS l
        WHERE l.mass_email_id = m.id AND l.target_list_id = $1::bigint
    )
ORDER BY m.id
LIMIT 5
