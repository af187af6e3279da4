-- How many mails to address $1 have bounced softly in the last $2, without a sign of life after the first of them: a mail
-- from the address, a hit on a link by a person, or a mail to it that went out $3 ago and has not come back.
WITH item AS (
    SELECT q.id, q.sent_at, q.status
    FROM jobrunner.mass_email AS m
    JOIN jobrunner.queue_item AS q
        ON q.mass_email_id = m.id AND q.generation = m.generation AND q.address_key = $1::text AND NOT q.is_test
    WHERE m.built_at IS NOT NULL AND (m.finished_at IS NULL OR m.finished_at > now() - $2::interval - $3::interval)
), bounced AS (
    SELECT r.queue_item_id, min(r.received_at) AS at
    FROM jobrunner.mailing_report AS r
    WHERE r.address_key = $1 AND r.kind = 'Bounce' AND r.verdict = 'soft' AND r.received_at > now() - $2
    GROUP BY r.queue_item_id
    UNION
    -- What the mail server had refused already, in the dialogue.
    SELECT l.queue_item_id, l.action_date
    FROM item AS i
    JOIN jobrunner.campaign_log AS l ON l.queue_item_id = i.id AND l.action = 'Bounced' AND l.string_additional_data = 'Soft'
    WHERE l.action_date > now() - $2
        AND NOT EXISTS (SELECT FROM jobrunner.mailing_report AS r WHERE r.queue_item_id = l.queue_item_id AND r.kind = 'Bounce')
), life AS (
    SELECT max(s.at) AS at
    FROM (
        SELECT max(e.date_sent)
        FROM jobrunner.email AS e
        WHERE e.from_key = $1 AND e.date_sent > now() - $2 AND NOT e.is_automatic
        UNION ALL
        SELECT max(l.action_date)
        FROM item AS i
        JOIN jobrunner.campaign_log AS l ON l.queue_item_id = i.id AND l.action IN ('Opened', 'Clicked') AND l.source = 'Human'
        UNION ALL
        SELECT max(i.sent_at)
        FROM item AS i
        WHERE i.status = 'Sent'
            AND i.sent_at < now() - $3
            AND NOT EXISTS (SELECT FROM jobrunner.mailing_report AS r WHERE r.queue_item_id = i.id AND r.kind = 'Bounce')
    ) AS s (at)
)
SELECT count(DISTINCT b.queue_item_id)::integer AS bounces
FROM bounced AS b
WHERE b.at > coalesce((SELECT l.at FROM life AS l), '-infinity')
