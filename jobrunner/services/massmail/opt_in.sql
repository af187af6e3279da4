-- Takes an opt-out of an item back: clears what opt_out.sql sets. Parameters as there; logs only after an Opted Out.
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
    WHERE m.target_list_id = ANY($9::bigint[]) AND m.opted_out
    ORDER BY m.target_list_id, m.target_type, m.target_id
    FOR UPDATE OF m
), cleared AS (
    UPDATE jobrunner.target_list_member AS m
    SET opted_out = false,
        opted_out_at = NULL
    FROM locked AS l
    WHERE m.target_list_id = l.target_list_id AND m.target_type = l.target_type AND m.target_id = l.target_id
), forgotten AS (
    DELETE FROM jobrunner.target_list_opt_out AS o
    WHERE o.target_list_id = ANY($9::bigint[]) AND o.address_key = $7::text
), released AS (
    UPDATE jobrunner.email_address AS e
    SET opted_out = false,
        opted_out_at = NULL,
        opted_out_reason = NULL
    WHERE e.key = $7::text AND e.opted_out AND $10::boolean
)
INSERT INTO jobrunner.campaign_log AS log (
    campaign_id, mass_email_id, queue_item_id, action, source, target_type, target_id, is_test, string_data, user_agent, ip_prefix
)
SELECT
    (SELECT c.id FROM jobrunner.campaign AS c WHERE c.id = $3::bigint),
    (SELECT m.id FROM jobrunner.mass_email AS m WHERE m.id = $2::bigint),
    $1::bigint,
    'Opted In',
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
) = 'Opted Out'
RETURNING log.id
