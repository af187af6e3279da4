-- Stores what came of requests that failed, or of webhooks that had: deliveries, attempts and the health of webhooks, in
-- one commit. $1 the run's token; the results, as columns: $2 webhooks, $3 batches, $4 which attempt, $5 what becomes of
-- the deliveries (Success, Failed, Retry, Split), $6 delays before a Retry, $7 reasons, $8 durations in ms, $9 status
-- codes, $10 kinds of error, $11 heads of answers, $12 addresses, $13 whether they were replayed, $14 how many may go
-- together after a Split, $15 how long the webhook pauses, NULL for not at all, $16 whether the guard refused, $17 why it
-- is disabled or NULL, $18 whether it had failed before, $19 how it is called in a notice; the deliveries: $20 numbers,
-- $21 in which of the requests, from 1 on; $22 after how long without a success a webhook is disabled, $23 how many
-- failures in a row are told.
--
-- May be run again where its answer was lost: what ended, or went apart, is not found again; what is counted, or put off,
-- depends on the attempt being new.
WITH result AS MATERIALIZED (
    SELECT r.*
    FROM unnest(
        $2::bigint[], $3::bigint[], $4::smallint[], $5::text[], $6::interval[], $7::text[], $8::integer[], $9::smallint[],
        $10::text[], $11::text[], $12::text[], $13::boolean[], $14::smallint[], $15::interval[], $16::boolean[], $17::text[],
        $18::boolean[], $19::text[]
    ) WITH ORDINALITY AS r (
        webhook_id, batch_id, attempt, outcome, delay, reason, duration_ms, status_code, error_kind, answer_head,
        connected_ip, is_manual, batch_limit, pause, is_guard, disable, had_failed, label, place
    )
), held AS MATERIALIZED (
    -- A success is one whoever has the webhook now; all else only counts while we have it.
    SELECT w.id, w.owner_id, w.failures, w.guard_failures, w.first_failure_at
    FROM jobrunner.webhook AS w
    WHERE w.id = ANY (ARRAY(SELECT r.webhook_id FROM result AS r WHERE r.outcome <> 'Success' OR r.had_failed))
        AND w.sender_token = $1::bigint
    ORDER BY w.id
    FOR NO KEY UPDATE
), logged AS (
    INSERT INTO jobrunner.webhook_attempt AS a (
        batch_id, attempt, webhook_id, started_at, duration_ms, status_code, error_kind, reason, answer_head, connected_ip, trigger
    )
    SELECT
        r.batch_id,
        r.attempt,
        r.webhook_id,
        now() - r.duration_ms * interval '1 millisecond',
        r.duration_ms,
        r.status_code,
        r.error_kind,
        left(r.reason, 1000),
        r.answer_head,
        r.connected_ip::inet,
        CASE WHEN r.is_manual THEN 'manual' ELSE 'schedule' END::jobrunner.webhook_trigger
    FROM result AS r
    WHERE CASE
        -- Of one that was removed meanwhile nothing is kept.
        WHEN r.outcome = 'Success' THEN r.webhook_id = ANY (ARRAY(SELECT w.id FROM jobrunner.webhook AS w WHERE w.id = ANY ($2::bigint[])))
        ELSE r.webhook_id = ANY (ARRAY(SELECT h.id FROM held AS h))
    END
    ON CONFLICT DO NOTHING
    RETURNING a.batch_id
), settled AS (
    UPDATE jobrunner.webhook_delivery AS d
    SET status = CASE r.outcome WHEN 'Success' THEN 'Success' WHEN 'Failed' THEN 'Failed' ELSE 'Pending' END::jobrunner.webhook_delivery_status,
        attempts = least(d.attempts + 1, 32767),
        processed_at = CASE WHEN r.outcome IN ('Success', 'Failed') THEN now() END,
        process_at = CASE WHEN r.outcome = 'Retry' THEN now() + r.delay ELSE d.process_at END,
        batch_id = CASE WHEN r.outcome <> 'Split' THEN d.batch_id END,
        batch_limit = CASE WHEN r.outcome = 'Split' THEN r.batch_limit ELSE d.batch_limit END,
        last_error = left(r.reason, 1000)
    FROM (
        -- Looked up by key and taken by place (see note_successes).
        SELECT
            n.place,
            (
                SELECT f.ctid
                FROM jobrunner.webhook_delivery AS f
                WHERE f.event_number = n.number
                    AND f.webhook_id = ($2::bigint[])[n.place]
                    AND f.batch_id = ($3::bigint[])[n.place]
            ) AS ctid
        FROM unnest($20::bigint[], $21::integer[]) AS n (number, place)
        OFFSET 0
    ) AS m
    JOIN result AS r ON r.place = m.place
    WHERE d.ctid = m.ctid
        AND d.status::text = 'Pending'
        AND (r.outcome = 'Success' OR r.webhook_id = ANY (ARRAY(SELECT h.id FROM held AS h)))
        AND (r.outcome <> 'Retry' OR r.batch_id = ANY (ARRAY(SELECT l.batch_id FROM logged AS l)))
    RETURNING d.batch_id
), counted AS (
    UPDATE jobrunner.webhook_batch AS b
    SET attempts = r.attempt
    FROM result AS r
    WHERE b.id = r.batch_id
        AND b.id = ANY ($3::bigint[])
        AND r.outcome <> 'Success'
        AND r.webhook_id = ANY (ARRAY(SELECT h.id FROM held AS h))
    RETURNING b.id
), judged AS (
    SELECT
        h.id,
        h.owner_id,
        h.failures AS failed_before,
        r.label,
        r.reason,
        r.pause,
        CASE WHEN r.pause IS NULL THEN 0 ELSE h.failures + 1 END AS failures,
        CASE WHEN r.is_guard THEN h.guard_failures + 1 ELSE 0 END AS guard_failures,
        CASE WHEN r.pause IS NOT NULL THEN coalesce(h.first_failure_at, now()) END AS first_failure_at,
        CASE
            WHEN r.disable IS NOT NULL THEN r.disable
            WHEN r.pause IS NULL THEN NULL
            WHEN r.is_guard AND h.guard_failures >= 2 THEN '3 times in a row: ' || r.reason
            WHEN h.failures >= 4 AND h.first_failure_at <= now() - $22::interval
                THEN pg_catalog.format('no success since %s UTC, last: %s', to_char(h.first_failure_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), r.reason)
        END AS disable
    FROM held AS h
    JOIN result AS r ON r.webhook_id = h.id
    JOIN logged AS l ON l.batch_id = r.batch_id
    WHERE r.pause IS NOT NULL OR r.disable IS NOT NULL OR (r.outcome = 'Success' AND r.had_failed)
), changed AS (
    UPDATE jobrunner.webhook AS w
    SET failures = j.failures,
        guard_failures = j.guard_failures,
        first_failure_at = j.first_failure_at,
        last_error = CASE WHEN j.pause IS NOT NULL OR j.disable IS NOT NULL THEN left(j.reason, 1000) END,
        health = CASE WHEN j.disable IS NOT NULL THEN 'disabled' WHEN j.pause IS NOT NULL THEN 'backing_off' ELSE 'healthy' END::jobrunner.webhook_health,
        disabled_reason = left(j.disable, 1000),
        next_attempt_at = CASE WHEN j.disable IS NULL AND j.pause IS NOT NULL THEN now() + j.pause END,
        -- It is not ours any more.
        sender_token = CASE WHEN j.pause IS NULL AND j.disable IS NULL THEN w.sender_token END,
        sender_job = CASE WHEN j.pause IS NULL AND j.disable IS NULL THEN w.sender_job END,
        sender_claim = CASE WHEN j.pause IS NULL AND j.disable IS NULL THEN w.sender_claim END,
        sender_until = CASE WHEN j.pause IS NULL AND j.disable IS NULL THEN w.sender_until END,
        served_at = now()
    FROM judged AS j
    WHERE w.id = j.id AND w.id = ANY ($2::bigint[]) AND w.sender_token = $1::bigint
    RETURNING w.id
), told AS (
    SELECT jobrunner.notify(
        n.owner_id,
        'Webhook',
        jsonb_build_object('post', n.post, 'webhook_id', n.id),
        parent_type => 'Webhook',
        parent_id => n.id::text,
        parent_name => left(n.label, 255)
    ) AS number
    FROM (
        SELECT
            j.id,
            j.owner_id,
            j.label,
            CASE
                WHEN j.disable IS NOT NULL THEN pg_catalog.format('%s gets nothing any more: %s. `jobrunner webhook enable %s` lets it go on.', j.label, j.disable, j.id)
                WHEN j.failures = $23::integer THEN pg_catalog.format('%s has failed %s times in a row: %s. It is tried again, with growing pauses.', j.label, j.failures, j.reason)
                WHEN j.failures = 0 AND j.failed_before >= $23::integer THEN pg_catalog.format('%s works again.', j.label)
            END AS post
        FROM judged AS j
        JOIN changed AS c ON c.id = j.id
        WHERE j.owner_id IS NOT NULL
    ) AS n
    WHERE n.post IS NOT NULL
)
SELECT
    w.id,
    w.revision,
    w.sender_token,
    (SELECT j.disable FROM judged AS j WHERE j.id = w.id) AS disabled,
    (SELECT count(*) FROM told) AS told
FROM jobrunner.webhook AS w
WHERE w.id = ANY ($2::bigint[])
