-- What webhooks get next, in order, with all that is sent: $1 webhooks, $2 for each the number after which to go on (what
-- was sent before leaves dead entries in the index), $3 how many at most, $4 whether what is not due blocks the rest,
-- $5 octets of data at most, the first one apart, $6 the run's token: of a webhook that another has by now there is nothing.
-- A batch that is begun comes whole.
WITH wanted AS (
    SELECT w.webhook_id, w.after, w.most, w.strict_order
    FROM unnest($1::text::bigint[], $2::text::bigint[], $3::text::integer[], $4::text::boolean[]) AS w (webhook_id, after, most, strict_order)
    WHERE w.webhook_id = ANY (
        ARRAY(
            SELECT h.id
            FROM jobrunner.webhook AS h
            WHERE h.id = ANY ($1::text::bigint[]) AND h.sender_token = $6::bigint
        )
    )
), front AS MATERIALIZED (
    SELECT w.webhook_id, f.event_number, f.batch_id, f.is_manual, f.batch_limit
    FROM wanted AS w
    CROSS JOIN LATERAL (
        SELECT d.event_number, d.batch_id, d.is_manual, d.batch_limit
        FROM jobrunner.webhook_delivery AS d
        WHERE d.webhook_id = w.webhook_id
            AND d.status = 'Pending'
            AND d.process_at <= now()
            AND d.event_number > w.after
            AND CASE
                WHEN w.strict_order THEN NOT EXISTS (
                    SELECT
                    FROM jobrunner.webhook_delivery AS b
                    WHERE b.webhook_id = w.webhook_id
                        AND b.status = 'Pending'
                        AND b.event_number < d.event_number
                        AND b.process_at > now()
                )
                ELSE true
            END
        ORDER BY d.event_number
        LIMIT w.most
    ) AS f
), chosen AS MATERIALIZED (
    SELECT f.webhook_id, f.event_number, f.batch_id, f.is_manual, f.batch_limit, NULL::uuid AS message_id, NULL::smallint AS attempts
    FROM front AS f
    WHERE f.batch_id IS NULL
    UNION ALL
    SELECT f.webhook_id, d.event_number, f.batch_id, d.is_manual, d.batch_limit, b.message_id, b.attempts
    FROM (SELECT DISTINCT f.webhook_id, f.batch_id FROM front AS f WHERE f.batch_id IS NOT NULL) AS f
    CROSS JOIN LATERAL (
        SELECT b.message_id, b.attempts, b.first_number, b.last_number
        FROM jobrunner.webhook_batch AS b
        WHERE b.id = f.batch_id
        LIMIT 1  -- one look by key for each, never a join with all
    ) AS b
    CROSS JOIN LATERAL (
        SELECT d.event_number, d.is_manual, d.batch_limit
        FROM jobrunner.webhook_delivery AS d
        WHERE d.webhook_id = f.webhook_id
            AND d.status = 'Pending'
            AND d.event_number BETWEEN b.first_number AND b.last_number
            AND d.batch_id = f.batch_id
        OFFSET 0
    ) AS d
), measured AS (
    SELECT
        c.*,
        e.event,
        e.target_type,
        e.target_id,
        e.message_id AS event_id,
        e.occurred_at,
        e.data,
        sum(e.size) FILTER (WHERE c.batch_id IS NULL) OVER (PARTITION BY c.webhook_id ORDER BY c.event_number) - e.size AS before
    FROM chosen AS c
    CROSS JOIN LATERAL (
        SELECT e.event, e.target_type, e.target_id, e.message_id, e.occurred_at, e.data, e.size
        FROM jobrunner.webhook_event AS e
        WHERE e.number = c.event_number
        LIMIT 1
    ) AS e
), owner AS MATERIALIZED (
    SELECT w.id, w.owner_id, u.active
    FROM jobrunner.webhook AS w
    LEFT JOIN jobrunner.app_user AS u ON u.id = w.owner_id
    WHERE w.id = ANY ($1::text::bigint[]) AND w.owner_id IS NOT NULL
)
SELECT
    m.webhook_id,
    m.event_number AS number,
    m.batch_id,
    m.is_manual,
    m.batch_limit,
    m.event,
    coalesce(m.message_id, m.event_id) AS message_id,
    m.attempts,
    m.occurred_at,
    m.data::text AS data,
    CASE
        WHEN NOT o.active THEN 'its owner is not active'
        WHEN o.id IS NOT NULL AND m.target_type IS NOT NULL AND NOT jobrunner.may_see(o.owner_id, m.target_type, m.target_id)
            THEN 'its owner has no access to the record'
    END AS refusal
FROM measured AS m
LEFT JOIN owner AS o ON o.id = m.webhook_id
WHERE m.batch_id IS NOT NULL OR m.before <= $5::bigint
ORDER BY m.webhook_id, m.event_number
