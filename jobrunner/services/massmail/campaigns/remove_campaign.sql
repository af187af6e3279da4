-- With its tracking URLs and its log; not while a mass e-mail of it is under way.
DELETE FROM jobrunner.campaign AS c
WHERE c.id = $1::bigint
    AND NOT EXISTS (
        SELECT
        FROM jobrunner.mass_email AS m
        WHERE m.campaign_id = c.id AND m.status IN ('Pending', 'In Process', 'Paused')
    )
RETURNING c.id
