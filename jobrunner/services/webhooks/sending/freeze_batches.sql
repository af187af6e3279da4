-- Fixes what goes in which request, before any is sent: $1 the run's token; the batches: $2 webhooks, $3 first numbers,
-- $4 last ones, $5 message ids, $6 events; their deliveries: $7 webhooks, $8 numbers, $9 in which of the batches, from 1 on.
-- Returns each delivery that is in its batch now, with the batch's id.
WITH held AS MATERIALIZED (
    SELECT w.id
    FROM jobrunner.webhook AS w
    WHERE w.id = ANY ($2::text::bigint[]) AND w.sender_token = $1::bigint
), drawn AS MATERIALIZED (
    SELECT array_agg(nextval('jobrunner.webhook_batch_id_seq')) AS ids
    FROM generate_series(1, cardinality($2::text::bigint[]))
), made AS (
    INSERT INTO jobrunner.webhook_batch AS b (id, webhook_id, first_number, last_number, message_id, event)
    SELECT (SELECT d.ids FROM drawn AS d)[n.place], n.webhook_id, n.first_number, n.last_number, n.message_id, n.event
    FROM unnest(
        $2::text::bigint[], $3::text::bigint[], $4::text::bigint[], $5::text::uuid[], $6::text::text[]
    ) WITH ORDINALITY AS n (webhook_id, first_number, last_number, message_id, event, place)
    WHERE n.webhook_id = ANY (ARRAY(SELECT h.id FROM held AS h))
)
UPDATE jobrunner.webhook_delivery AS d
SET batch_id = (SELECT n.ids FROM drawn AS n)[m.place]
FROM (
    -- Looked up by key and taken by place (see note_successes).
    SELECT
        n.place,
        (
            SELECT f.ctid
            FROM jobrunner.webhook_delivery AS f
            WHERE f.event_number = n.number AND f.webhook_id = n.webhook_id
        ) AS ctid
    FROM unnest($7::text::bigint[], $8::text::bigint[], $9::text::integer[]) AS n (webhook_id, number, place)
    WHERE n.webhook_id = ANY (ARRAY(SELECT h.id FROM held AS h))
    OFFSET 0
) AS m
WHERE d.ctid = m.ctid AND d.status::text = 'Pending' AND d.batch_id IS NULL
RETURNING d.webhook_id, d.event_number AS number, d.batch_id
