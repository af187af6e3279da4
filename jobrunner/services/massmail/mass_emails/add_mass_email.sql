-- $1 name, $2 start, $3 template, $4 campaign, $5 account, $6 and $7 sender, $8 and $9 address and name for replies,
-- $10 whether mails are stored, $11 whether one opts out entirely, $12 by whom, $13 ids of target lists and $14 of
-- excluding lists (NULL: those of the campaign)
WITH added AS (
    INSERT INTO jobrunner.mass_email (
        name, start_at, email_template_id, campaign_id, smtp_account_id, from_address, from_name,
        reply_to_address, reply_to_name, store_sent_emails, opt_out_entirely, created_by, modified_by
    )
    VALUES (
        $1::text,
        coalesce($2::timestamptz, now()),
        $3::bigint,
        $4::bigint,
        $5::bigint,
        $6::text,
        $7::text,
        $8::text,
        $9::text,
        $10::boolean,
        $11::boolean,
        $12::text,
        $12::text
    )
    RETURNING id
), listed AS (
    INSERT INTO jobrunner.mass_email_list (mass_email_id, target_list_id, excluding, position)
    SELECT a.id, g.target_list_id, g.excluding, g.place
    FROM added AS a
    CROSS JOIN (
        SELECT t.id AS target_list_id, false AS excluding, t.place
        FROM unnest($13::bigint[]) WITH ORDINALITY AS t (id, place)
        UNION ALL
        SELECT x.id, true, x.place
        FROM unnest($14::bigint[]) WITH ORDINALITY AS x (id, place)
        UNION ALL
        SELECT c.target_list_id, c.excluding, c.position
        FROM jobrunner.campaign_list AS c
        WHERE c.campaign_id = $4::bigint
            AND CASE WHEN c.excluding THEN $14::bigint[] IS NULL ELSE $13::bigint[] IS NULL END
    ) AS g
)
SELECT a.id
FROM added AS a
