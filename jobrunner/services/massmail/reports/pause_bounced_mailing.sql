-- Pauses the mailing of item $1 where of the $2 mails that were sent until that one at least $3 went to addresses that do not
-- exist, by reports or in the dialogue: $4 the reason. (Items of one mailing have numbers one after the other.)
WITH item AS (
    SELECT q.id, q.mass_email_id
    FROM jobrunner.queue_item AS q
    WHERE q.id = $1::bigint AND NOT q.is_test
), latest AS (
    SELECT q.id, q.status
    FROM item AS i
    JOIN jobrunner.queue_item AS q
        ON q.mass_email_id = i.mass_email_id AND q.id BETWEEN i.id - 2 * $2::integer AND i.id
    WHERE q.status IN ('Sent', 'Failed', 'Uncertain') AND NOT q.is_test
    ORDER BY q.id DESC
    LIMIT $2::integer
), counted AS (
    SELECT count(*) AS sent, count(*) FILTER (WHERE EXISTS (
        SELECT
        FROM jobrunner.mailing_report AS r
        WHERE r.queue_item_id = l.id AND r.verdict = 'hard'
    ) OR EXISTS (
        SELECT
        FROM jobrunner.campaign_log AS c
        WHERE c.queue_item_id = l.id AND c.action = 'Bounced' AND c.string_additional_data = 'Hard'
    )) AS hard
    FROM latest AS l
)
UPDATE jobrunner.mass_email AS m
SET status = 'Paused',
    paused_at = now(),
    paused_by_fault = true,
    reason = left($4::text, 1000)
FROM item AS i
CROSS JOIN counted AS c
WHERE m.id = i.mass_email_id AND m.status = 'In Process' AND c.sent >= $2 AND c.hard >= $3::integer
RETURNING m.name, m.created_by, m.reason
