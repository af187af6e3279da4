-- Fixes what goes in which request, before any is sent: $1 the run's token; the batches: $2 webhooks, $3 first numbers,
-- $4 last ones, $5 message ids, $6 events; their deliveries: $7 webhooks, $8 first numbers of their batches, $9 numbers.
-- Returns each delivery that is in its batch now, with the batch's id.
WITH held AS (
    SELECT w.id
    FROM jobrunner.webhook AS w
    WHERE w.id = ANY ($2::bigint[]) AND w.sender_token = $1::bigint
), made AS (
    INSERT INTO jobrunner.webhook_batch AS b (webhook_id, first_number, last_number, message_id, event)
    SELECT n.webhook_id, n.first_number, n.last_number, n.message_id, n.event
    FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::uuid[], $6::text[]) AS n (webhook_id, first_number, last_number, message_id, event)
    JOIN held AS h ON h.id = n.webhook_id
    RETURNING b.id, b.webhook_id, b.first_number
)
UPDATE jobrunner.webhook_delivery AS d
SET batch_id = b.id
FROM unnest($7::bigint[], $8::bigint[], $9::bigint[]) AS m (webhook_id, first_number, number)
JOIN made AS b ON b.webhook_id = m.webhook_id AND b.first_number = m.first_number
WHERE d.webhook_id = m.webhook_id
    AND d.event_number = m.number
    AND d.event_number = ANY ($9::bigint[])
    AND d.status = 'Pending'
    AND d.batch_id IS NULL
RETURNING d.webhook_id, d.event_number AS number, d.batch_id
