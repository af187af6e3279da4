-- $1 campaign, $2 whether excluding, $3 ids of target lists in their order
WITH given AS (
    SELECT g.id, min(g.place) AS place
    FROM unnest($3::bigint[]) WITH ORDINALITY AS g (id, place)
    GROUP BY g.id
), gone AS (
    DELETE FROM jobrunner.campaign_list AS l
    WHERE l.campaign_id = $1::bigint
        AND l.excluding = $2::boolean
        AND NOT EXISTS (SELECT FROM given AS g WHERE g.id = l.target_list_id)
)
INSERT INTO jobrunner.campaign_list AS l (campaign_id, target_list_id, excluding, position)
SELECT $1::bigint, g.id, $2::boolean, g.place
FROM given AS g
ON CONFLICT (campaign_id, excluding, target_list_id) DO UPDATE SET position = EXCLUDED.position
