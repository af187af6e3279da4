-- What webhooks get next, in order, with all that is sent: $1 webhooks, $2 for each the number after which to go on (what
-- was sent before leaves dead entries in the index), $3 how many at most, $4 whether what is not due blocks the rest,
-- $5 octets of data at most, the first one apart. A batch that is begun comes whole.
WITH wanted AS (
    SELECT w.webhook_id, w.after, w.most, w.strict_order
    FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::boolean[]) AS w (webhook_id, after, most, strict_order)
), front AS MATERIALIZED (
    SELECT w.webhook_id, f.event_number, f.batch_id
    FROM wanted AS w
    CROSS JOIN LATERAL (
        SELECT d.event_number, d.batch_id
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
), begun AS (
    SELECT DISTINCT f.webhook_id, f.batch_id
    FROM front AS f
    WHERE f.batch_id IS NOT NULL
), chosen AS MATERIALIZED (
    SELECT f.webhook_id, f.event_number
    FROM front AS f
    WHERE f.batch_id IS NULL
    UNION ALL
    SELECT d.webhook_id, d.event_number
    FROM begun AS f
    JOIN jobrunner.webhook_batch AS b ON b.id = f.batch_id
    JOIN jobrunner.webhook_delivery AS d
        ON d.webhook_id = f.webhook_id
        AND d.status = 'Pending'
        AND d.event_number BETWEEN b.first_number AND b.last_number
        AND d.batch_id = b.id
), measured AS (
    SELECT
        d.webhook_id,
        d.event_number,
        d.batch_id,
        d.is_manual,
        d.batch_limit,
        e.event,
        e.target_type,
        e.target_id,
        e.message_id,
        e.occurred_at,
        e.data,
        sum(e.size) FILTER (WHERE d.batch_id IS NULL) OVER (PARTITION BY d.webhook_id ORDER BY d.event_number) - e.size AS before
    FROM chosen AS c
    JOIN jobrunner.webhook_delivery AS d ON d.webhook_id = c.webhook_id AND d.event_number = c.event_number
    JOIN jobrunner.webhook_event AS e ON e.number = c.event_number
)
SELECT
    m.webhook_id,
    m.event_number AS number,
    m.batch_id,
    m.is_manual,
    m.batch_limit,
    m.event,
    coalesce(b.message_id, m.message_id) AS message_id,
    b.attempts,
    m.occurred_at,
    m.data::text AS data,
    CASE
        WHEN u.active IS FALSE THEN 'its owner is not active'
        WHEN w.owner_id IS NOT NULL AND m.target_type IS NOT NULL AND NOT jobrunner.may_see(w.owner_id, m.target_type, m.target_id)
            THEN 'its owner has no access to the record'
    END AS refusal
FROM measured AS m
JOIN jobrunner.webhook AS w ON w.id = m.webhook_id
LEFT JOIN jobrunner.app_user AS u ON u.id = w.owner_id
LEFT JOIN jobrunner.webhook_batch AS b ON b.id = m.batch_id
WHERE m.batch_id IS NOT NULL OR m.before <= $5::bigint
ORDER BY m.webhook_id, m.event_number
