-- Removes an account: $1 id. Its state and rates go with it. Not while a mass e-mail that is under way sends by it.
DELETE FROM jobrunner.smtp_account AS a
WHERE a.id = $1::bigint
    AND NOT EXISTS (
        SELECT
        FROM jobrunner.mass_email AS m
        WHERE m.smtp_account_id = a.id AND m.status IN ('Pending', 'In Process', 'Paused')
    )
RETURNING a.id
