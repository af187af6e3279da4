-- $1 name or id of one, or NULL for all.
SELECT
    c.id,
    c.name,
    c.status::text AS status,
    c.type::text AS type,
    c.start_date,
    c.end_date,
    c.budget,
    c.teams,
    c.description,
    ARRAY(
        SELECT t.name
        FROM jobrunner.campaign_list AS l
        JOIN jobrunner.target_list AS t ON t.id = l.target_list_id
        WHERE l.campaign_id = c.id AND NOT l.excluding
        ORDER BY l.position, t.id
    ) AS target_lists,
    ARRAY(
        SELECT t.name
        FROM jobrunner.campaign_list AS l
        JOIN jobrunner.target_list AS t ON t.id = l.target_list_id
        WHERE l.campaign_id = c.id AND l.excluding
        ORDER BY l.position, t.id
    ) AS excluding_lists,
    ARRAY(
        SELECT m.name
        FROM jobrunner.mass_email AS m
        WHERE m.campaign_id = c.id
        ORDER BY m.id
    ) AS mass_emails,
    c.created_at,
    c.created_by
FROM jobrunner.campaign AS c
WHERE $1::text IS NULL OR c.name = $1::text OR c.id = CASE WHEN $1::text ~ '^[0-9]{1,18}$' THEN $1::bigint END
ORDER BY c.name
