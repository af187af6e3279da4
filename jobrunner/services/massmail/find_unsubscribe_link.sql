-- What the page to unsubscribe shows. $1: the token of the item.
SELECT
    l.queue_item_id,
    l.mass_email_id,
    l.campaign_id,
    l.target_type::text AS target_type,
    l.target_id,
    l.email_address,
    l.address_key,
    l.is_test,
    l.target_list_ids,
    -- Where no list is left to leave, leaving means all mass mail: it must not mean nothing.
    l.opt_out_entirely OR l.target_list_ids = '{}' AS entirely,
    (
        SELECT t.language
        FROM jobrunner.targets() AS t
        WHERE t.target_type = l.target_type AND t.target_id = l.target_id
        LIMIT 1
    ) AS language,
    coalesce((
        SELECT e.opted_out
        FROM jobrunner.email_address AS e
        WHERE e.key = l.address_key
    ), false) AS address_opted_out,
    NOT EXISTS (
        SELECT
        FROM unnest(l.target_list_ids) AS list (id)
        WHERE NOT EXISTS (
                SELECT
                FROM jobrunner.target_list_member AS m
                WHERE m.target_list_id = list.id
                    AND m.target_type = l.target_type
                    AND m.target_id = l.target_id
                    AND m.opted_out
            )
            AND NOT EXISTS (
                SELECT
                FROM jobrunner.target_list_opt_out AS o
                WHERE o.target_list_id = list.id AND o.address_key = l.address_key
            )
    ) AS lists_opted_out
FROM jobrunner.find_link($1::uuid) AS l
WHERE NOT l.is_informational
