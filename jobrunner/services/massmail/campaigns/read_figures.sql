-- $1 campaign or NULL, $2 mass e-mail or NULL: one of them. Items are counted, not hits; a click is an open, too. Tests
-- are left out. What only a machine did stands apart.
WITH item AS (
    SELECT
        l.queue_item_id,
        bool_or(l.action = 'Sent') AS sent,
        bool_or(l.action IN ('Opened', 'Clicked') AND l.source <> 'Machine') AS opened,
        bool_or(l.action IN ('Opened', 'Clicked') AND l.source = 'Machine') AS opened_by_machine,
        bool_or(l.action = 'Clicked' AND l.source <> 'Machine') AS clicked,
        bool_or(l.action = 'Clicked' AND l.source = 'Machine') AS clicked_by_machine,
        max(l.action_date) FILTER (WHERE l.action = 'Opted Out') AS opted_out_at,
        max(l.action_date) FILTER (WHERE l.action = 'Opted In') AS opted_in_at,
        bool_or(l.action = 'Bounced' AND l.string_additional_data = 'Hard') AS bounced_hard,
        bool_or(l.action = 'Bounced' AND l.string_additional_data = 'Soft') AS bounced_soft
    FROM jobrunner.campaign_log AS l
    WHERE (l.campaign_id = $1::bigint OR l.mass_email_id = $2::bigint) AND NOT l.is_test AND l.queue_item_id IS NOT NULL
    GROUP BY l.queue_item_id
)
SELECT
    count(*) FILTER (WHERE i.sent) AS sent,
    count(*) FILTER (WHERE i.opened) AS opened,
    count(*) FILTER (WHERE i.opened_by_machine AND NOT i.opened) AS opened_by_machines,
    count(*) FILTER (WHERE i.clicked) AS clicked,
    count(*) FILTER (WHERE i.clicked_by_machine AND NOT i.clicked) AS clicked_by_machines,
    count(*) FILTER (WHERE i.opted_out_at IS NOT NULL AND i.opted_out_at >= coalesce(i.opted_in_at, '-infinity')) AS opted_out,
    count(*) FILTER (WHERE i.bounced_hard) AS bounced_hard,
    count(*) FILTER (WHERE i.bounced_soft) AS bounced_soft,
    (
        SELECT count(*)
        FROM jobrunner.campaign_log AS l
        WHERE l.campaign_id = $1::bigint AND l.action = 'Lead Created' AND NOT l.is_test
    ) AS leads_created
FROM item AS i
