-- Not while a mass e-mail that is not finished uses it.
DELETE FROM jobrunner.email_template AS e
WHERE e.id = $1::bigint
    AND NOT EXISTS (
        SELECT
        FROM jobrunner.mass_email AS m
        WHERE m.email_template_id = e.id AND m.status IN ('Pending', 'In Process', 'Paused')
    )
RETURNING e.id
