-- Stores that requests were taken, of webhooks that had not failed before: deliveries and attempts, in one commit. The
-- requests: $1 webhooks, $2 batches, $3 which attempt, $4 durations in ms, $5 status codes, $6 heads of answers,
-- $7 addresses, $8 whether they were replayed; the deliveries: $9 webhooks, $10 numbers, $11 batches. Returns the webhooks
-- with what tells whether they still are ours.
--
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
        $1::text::bigint[], $2::text::bigint[], $3::text::smallint[], $4::text::integer[], $5::text::smallint[],
        $6::text::text[], $7::text::text[], $8::text::boolean[]
    ) AS r (webhook_id, batch_id, attempt, duration_ms, status_code, answer_head, connected_ip, is_manual)
    -- Of one that was removed meanwhile nothing is kept.
    WHERE r.webhook_id = ANY (ARRAY(SELECT w.id FROM jobrunner.webhook AS w WHERE w.id = ANY ($1::text::bigint[])))
    ON CONFLICT DO NOTHING
), settled AS (
    -- Each row is looked up by its key and then taken by its place: a join might be planned, while the table is small or
    -- nothing of it Pending, as a walk over all that is.
    UPDATE jobrunner.webhook_delivery AS d
    SET status = 'Success',
        attempts = least(d.attempts + 1, 32767),
        processed_at = now(),
        last_error = NULL
    WHERE d.ctid = ANY (
            ARRAY(
                SELECT (
                    SELECT f.ctid
                    FROM jobrunner.webhook_delivery AS f
                    WHERE f.event_number = m.number AND f.webhook_id = m.webhook_id AND f.batch_id = m.batch_id
                )
                FROM unnest($9::text::bigint[], $10::text::bigint[], $11::text::bigint[]) AS m (webhook_id, number, batch_id)
            )
        )
        AND d.status::text = 'Pending'  -- as text, no index has it
)
SELECT w.id, w.revision, w.sender_token
FROM jobrunner.webhook AS w
WHERE w.id = ANY ($1::text::bigint[])
