-- $1 name, $2 type, $3 status, $4 start, $5 end, $6 budget, $7 teams, $8 description, $9 by whom, $10 ids of target
-- lists, $11 of excluding lists
WITH added AS (
    INSERT INTO jobrunner.campaign (name, type, status, start_date, end_date, budget, teams, description, created_by)
    VALUES (
        $1::text,
        $2::text::jobrunner.campaign_type,
        $3::text::jobrunner.campaign_status,
        $4::date,
        $5::date,
        $6::numeric,
        $7::text[],
        $8::text,
        $9::text
    )
    RETURNING id
), listed AS (
    INSERT INTO jobrunner.campaign_list (campaign_id, target_list_id, excluding, position)
    SELECT a.id, g.target_list_id, g.excluding, g.place
    FROM added AS a
    CROSS JOIN (
        SELECT t.id AS target_list_id, false AS excluding, t.place
        FROM unnest($10::bigint[]) WITH ORDINALITY AS t (id, place)
        UNION ALL
        SELECT x.id, true, x.place
        FROM unnest($11::bigint[]) WITH ORDINALITY AS x (id, place)
    ) AS g
)
SELECT a.id
FROM added AS a
