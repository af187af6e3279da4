-- Takes the target of an item, and who else has its address, off the lists of its mailing, and where the mailing says so
-- the address off all mass mail. Logs it unless that was the last thing logged of the item.
-- $1 item, $2 mass e-mail, $3 campaign, $4 and $5 target, $6 address, $7 its key, $8 test, $9 lists, $10 entirely,
-- $11 user agent, $12 network, $13 by what it was done.
WITH concerned AS MATERIALIZED (
    SELECT t.target_type, t.target_id
    FROM jobrunner.targets() AS t
    WHERE t.address_key = $7::text
    UNION
    SELECT $4::text::jobrunner.target_type, $5::text
), locked AS MATERIALIZED (
    SELECT m.target_list_id, m.target_type, m.target_id
    FROM jobrunner.target_list_member AS m
    JOIN concerned AS c USING (target_type, target_id)
    WHERE m.target_list_id = ANY($9::bigint[]) AND NOT m.opted_out
    ORDER BY m.target_list_id, m.target_type, m.target_id
    FOR UPDATE OF m
), flagged AS (
    UPDATE jobrunner.target_list_member AS m
    SET opted_out = true,
        opted_out_at = now()
    FROM locked AS l
    WHERE m.target_list_id = l.target_list_id AND m.target_type = l.target_type AND m.target_id = l.target_id
), remembered AS (
    -- The target has left these lists since, or is gone: the address must not come back with somebody else.
    INSERT INTO jobrunner.target_list_opt_out AS o (target_list_id, address_key)
    SELECT t.id, $7::text
    FROM jobrunner.target_list AS t
    WHERE t.id = ANY($9::bigint[])
        AND NOT EXISTS (
            SELECT
            FROM jobrunner.target_list_member AS m
            WHERE m.target_list_id = t.id AND m.target_type = $4::text::jobrunner.target_type AND m.target_id = $5::text
        )
    ORDER BY t.id
    ON CONFLICT (target_list_id, address_key) DO NOTHING
), suppressed AS (
    INSERT INTO jobrunner.email_address AS e (key, opted_out, opted_out_at, opted_out_reason)
    SELECT $7::text, true, now(), 'unsubscribed by ' || $13::text || ', mass e-mail ' || $2::bigint
    WHERE $10::boolean
    ON CONFLICT (key) DO UPDATE
    SET opted_out = true,
        opted_out_at = excluded.opted_out_at,
        opted_out_reason = excluded.opted_out_reason
    WHERE NOT e.opted_out
)
INSERT INTO jobrunner.campaign_log AS log (
    campaign_id, mass_email_id, queue_item_id, action, source, target_type, target_id, is_test, string_data, user_agent, ip_prefix
)
SELECT
    (SELECT c.id FROM jobrunner.campaign AS c WHERE c.id = $3::bigint),
    (SELECT m.id FROM jobrunner.mass_email AS m WHERE m.id = $2::bigint),
    $1::bigint,
    'Opted Out',
    'Human',
    $4::text::jobrunner.target_type,
    $5::text,
    $8::boolean,
    left($6::text, 320),
    left($11::text, 500),
    $12::text::cidr
WHERE (
    SELECT l.action
    FROM jobrunner.campaign_log AS l
    WHERE l.queue_item_id = $1::bigint AND l.action IN ('Opted Out', 'Opted In')
    ORDER BY l.id DESC
    LIMIT 1
) IS DISTINCT FROM 'Opted Out'
RETURNING log.id
