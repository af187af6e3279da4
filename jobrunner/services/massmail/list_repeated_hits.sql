-- Hits before which there is one of the same item, kind and link, by a machine or not as it is: figures, which count items,
-- stay the same without them. $1 how long hits are kept.
SELECT t.ctid
FROM jobrunner.campaign_log AS t
WHERE t.action IN ('Opened', 'Clicked')
    AND t.action_date < now() - $1::text::interval
    AND t.queue_item_id IS NOT NULL
    AND EXISTS (
        SELECT
        FROM jobrunner.campaign_log AS e
        WHERE e.queue_item_id = t.queue_item_id
            AND e.action = t.action
            AND e.tracking_url_id IS NOT DISTINCT FROM t.tracking_url_id
            AND e.source = t.source
            AND e.is_test = t.is_test
            AND e.campaign_id IS NOT DISTINCT FROM t.campaign_id
            AND e.mass_email_id IS NOT DISTINCT FROM t.mass_email_id
            AND e.id < t.id
    )
ORDER BY t.action_date, t.ctid
