-- $1 id, $2 the columns that change, as JSON, $3 ids of target lists and $4 of excluding lists in their order, NULL to
-- leave them
WITH edited AS (
    UPDATE jobrunner.campaign AS c
    SET (name, type, status, start_date, end_date, budget, teams, description) = (
        SELECT p.name, p.type, p.status, p.start_date, p.end_date, p.budget, p.teams, p.description
        FROM jsonb_populate_record(c, $2::text::jsonb) AS p
    )
    WHERE c.id = $1::bigint
    RETURNING c.id
), given AS (
    SELECT g.target_list_id, g.excluding, min(g.place) AS place
    FROM (
        SELECT t.id AS target_list_id, false AS excluding, t.place
        FROM unnest($3::bigint[]) WITH ORDINALITY AS t (id, place)
        UNION ALL
        SELECT x.id, true, x.place
        FROM unnest($4::bigint[]) WITH ORDINALITY AS x (id, place)
    ) AS g
    GROUP BY g.target_list_id, g.excluding
), gone AS (
    DELETE FROM jobrunner.campaign_list AS l
    USING edited AS e
    WHERE l.campaign_id = e.id
        AND CASE WHEN l.excluding THEN $4::bigint[] ELSE $3::bigint[] END IS NOT NULL
        AND NOT EXISTS (SELECT FROM given AS g WHERE g.target_list_id = l.target_list_id AND g.excluding = l.excluding)
), listed AS (
    INSERT INTO jobrunner.campaign_list AS l (campaign_id, target_list_id, excluding, position)
    SELECT e.id, g.target_list_id, g.excluding, g.place
    FROM edited AS e
    CROSS JOIN given AS g
    ON CONFLICT (campaign_id, excluding, target_list_id) DO UPDATE SET position = EXCLUDED.position
)
SELECT e.id
FROM edited AS e
