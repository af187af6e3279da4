-- $1 id, $2 the columns that change, as JSON, $3 by whom, $4 ids of target lists and $5 of excluding lists in their order,
-- NULL to leave them. No row, and nothing is changed, while it is being sent, or where lists are given that would come too
-- late: its queue is built, and it is not finished.
WITH open AS MATERIALIZED (
    SELECT m.id
    FROM jobrunner.mass_email AS m
    WHERE m.id = $1::bigint
        AND m.status <> 'In Process'
        AND (coalesce($4::bigint[], $5::bigint[]) IS NULL OR m.built_at IS NULL OR m.finished_at IS NOT NULL)
    FOR UPDATE
), given AS (
    SELECT g.target_list_id, g.excluding, min(g.place) AS place
    FROM (
        SELECT t.id AS target_list_id, false AS excluding, t.place
        FROM unnest($4::bigint[]) WITH ORDINALITY AS t (id, place)
        UNION ALL
        SELECT x.id, true, x.place
        FROM unnest($5::bigint[]) WITH ORDINALITY AS x (id, place)
    ) AS g
    GROUP BY g.target_list_id, g.excluding
), gone AS (
    DELETE FROM jobrunner.mass_email_list AS l
    USING open AS o
    WHERE l.mass_email_id = o.id
        AND CASE WHEN l.excluding THEN $5::bigint[] ELSE $4::bigint[] END IS NOT NULL
        AND NOT EXISTS (SELECT FROM given AS g WHERE g.target_list_id = l.target_list_id AND g.excluding = l.excluding)
), listed AS (
    INSERT INTO jobrunner.mass_email_list AS l (mass_email_id, target_list_id, excluding, position)
    SELECT o.id, g.target_list_id, g.excluding, g.place
    FROM open AS o
    CROSS JOIN given AS g
    ON CONFLICT (mass_email_id, excluding, target_list_id) DO UPDATE SET position = EXCLUDED.position
)
UPDATE jobrunner.mass_email AS m
SET (
    name, start_at, email_template_id, smtp_account_id, from_address, from_name, reply_to_address, reply_to_name,
    store_sent_emails, opt_out_entirely, modified_at, modified_by
) = (
    SELECT
        p.name,
        p.start_at,
        p.email_template_id,
        p.smtp_account_id,
        p.from_address,
        p.from_name,
        p.reply_to_address,
        p.reply_to_name,
        p.store_sent_emails,
        p.opt_out_entirely,
        now(),
        $3::text
    FROM jsonb_populate_record(m, $2::text::jsonb) AS p
)
FROM open AS o
WHERE m.id = o.id
RETURNING m.id
