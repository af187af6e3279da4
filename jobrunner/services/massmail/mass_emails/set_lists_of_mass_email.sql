-- $1 mass e-mail, $2 whether excluding, $3 ids of target lists in their order. No row where its queue is built and not
-- finished: lists would come too late.
WITH open AS (
    SELECT m.id
    FROM jobrunner.mass_email AS m
    WHERE m.id = $1::bigint AND (m.built_at IS NULL OR m.finished_at IS NOT NULL)
    FOR UPDATE
), given AS (
    SELECT g.id, min(g.place) AS place
    FROM unnest($3::bigint[]) WITH ORDINALITY AS g (id, place)
    GROUP BY g.id
), gone AS (
    DELETE FROM jobrunner.mass_email_list AS l
    USING open AS o
    WHERE l.mass_email_id = o.id
        AND l.excluding = $2::boolean
        AND NOT EXISTS (SELECT FROM given AS g WHERE g.id = l.target_list_id)
), listed AS (
    INSERT INTO jobrunner.mass_email_list AS l (mass_email_id, target_list_id, excluding, position)
    SELECT o.id, g.id, $2::boolean, g.place
    FROM open AS o
    CROSS JOIN given AS g
    ON CONFLICT (mass_email_id, excluding, target_list_id) DO UPDATE SET position = EXCLUDED.position
)
SELECT o.id
FROM open AS o
