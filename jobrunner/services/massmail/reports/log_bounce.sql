-- Logs in the campaign that the mail with token $1 came back: $2 Hard or Soft. Once for each item; Hard says more than Soft.
INSERT INTO jobrunner.campaign_log AS l (
    campaign_id, mass_email_id, queue_item_id, action, target_type, target_id, is_test, string_data, string_additional_data
)
SELECT
    c.id,
    (SELECT m.id FROM jobrunner.mass_email AS m WHERE m.id = i.mass_email_id),
    i.queue_item_id,
    'Bounced',
    i.target_type,
    i.target_id,
    i.is_test,
    left(i.email_address, 320),
    $2::text
FROM jobrunner.find_link($1::uuid) AS i
JOIN jobrunner.campaign AS c ON c.id = i.campaign_id
ON CONFLICT (queue_item_id, action) WHERE action IN ('Sent', 'Bounced') AND queue_item_id IS NOT NULL DO UPDATE
SET string_additional_data = 'Hard'
WHERE l.string_additional_data = 'Soft' AND excluded.string_additional_data = 'Hard'
RETURNING l.id
