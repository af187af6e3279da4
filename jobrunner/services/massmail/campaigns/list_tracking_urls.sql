-- $1 campaign. A click of a machine is one of an item that no human has followed there.
SELECT
    t.id,
    t.name,
    t.action::text AS action,
    t.url,
    t.message,
    count(DISTINCT l.queue_item_id) FILTER (WHERE l.source <> 'Machine') AS clicked,
    count(DISTINCT l.queue_item_id) FILTER (
        WHERE l.source = 'Machine'
            AND NOT EXISTS (
                SELECT
                FROM jobrunner.campaign_log AS h
                WHERE h.queue_item_id = l.queue_item_id
                    AND h.action = 'Clicked'
                    AND h.tracking_url_id = t.id
                    AND h.source <> 'Machine'
            )
    ) AS clicked_by_machines
FROM jobrunner.tracking_url AS t
LEFT JOIN jobrunner.campaign_log AS l ON l.tracking_url_id = t.id AND l.action = 'Clicked' AND NOT l.is_test
WHERE t.campaign_id = $1::bigint
GROUP BY t.id
ORDER BY t.id
