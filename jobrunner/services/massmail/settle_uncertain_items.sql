-- A hit, or a report, proves that the mail server had the mail: what was in doubt is Sent, since when the doubt arose.
-- $1 tokens of items, $2 how that is known.
WITH doubted AS (
    SELECT q.id
    FROM jobrunner.queue_item AS q
    WHERE q.token = ANY($1::uuid[]) AND q.status = 'Uncertain'
    ORDER BY q.id
    FOR UPDATE
), settled AS (
    UPDATE jobrunner.queue_item AS q
    SET status = 'Sent',
        sent_at = q.finished_at,
        reason = $2::text
    FROM doubted AS d
    WHERE q.id = d.id AND q.status = 'Uncertain'
    RETURNING q.*
)
INSERT INTO jobrunner.campaign_log AS log (
    action_date, campaign_id, mass_email_id, queue_item_id, action, target_type, target_id, is_test, string_data
)
SELECT s.sent_at, m.campaign_id, m.id, s.id, 'Sent', s.target_type, s.target_id, s.is_test, left(s.email_address, 320)
FROM settled AS s
JOIN jobrunner.mass_email AS m ON m.id = s.mass_email_id
WHERE m.campaign_id IS NOT NULL
ORDER BY s.id
ON CONFLICT (queue_item_id, action) WHERE action IN ('Sent', 'Bounced') AND queue_item_id IS NOT NULL DO NOTHING
RETURNING log.queue_item_id
