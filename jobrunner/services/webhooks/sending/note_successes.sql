-- Stores that requests were taken, of webhooks that had not failed before: deliveries and attempts, in one commit. The
-- requests: $1 webhooks, $2 batches, $3 which attempt, $4 durations in ms, $5 status codes, $6 heads of answers,
-- $7 addresses, $8 whether they were replayed; the deliveries: $9 webhooks, $10 numbers, $11 batches. Returns the webhooks
-- with what tells whether they still are ours.
--
-- Arrays of numbers come as text: the driver looks at each element of an array, which costs more than the rest.
-- A success is one whoever has the webhook now. It may be run again where its answer was lost.
WITH logged AS (
    INSERT INTO jobrunner.webhook_attempt (
        webhook_id, batch_id, attempt, started_at, duration_ms, status_code, answer_head, connected_ip, trigger
    )
    SELECT
        r.webhook_id,
        r.batch_id,
        r.attempt,
        now() - r.duration_ms * interval '1 millisecond',
        r.duration_ms,
        r.status_code,
        r.answer_head,
        r.connected_ip::inet,
        CASE WHEN r.is_manual THEN 'manual' ELSE 'schedule' END::jobrunner.webhook_trigger
    FROM unnest(
        $1::text::bigint[], $2::text::bigint[], $3::text::smallint[], $4::text::integer[], $5::text::smallint[], $6::text[],
        $7::text[], $8::boolean[]
    ) AS r (webhook_id, batch_id, attempt, duration_ms, status_code, answer_head, connected_ip, is_manual)
    ON CONFLICT DO NOTHING
), settled AS (
    UPDATE jobrunner.webhook_delivery AS d
    SET status = 'Success',
        attempts = least(d.attempts + 1, 32767),
        processed_at = now(),
        last_error = NULL
    FROM unnest($9::text::bigint[], $10::text::bigint[], $11::text::bigint[]) AS m (webhook_id, number, batch_id)
    WHERE d.event_number = m.number AND d.webhook_id = m.webhook_id AND d.batch_id = m.batch_id AND d.status = 'Pending'
)
SELECT w.id, w.revision, w.sender_token
FROM jobrunner.webhook AS w
WHERE w.id = ANY ($1::text::bigint[])
