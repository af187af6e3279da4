-- Has the job run when something is due next, or now: $1 whether now. Culprits that wait behind a thousand others are left
-- to the schedule. What somebody else is sending is theirs: they look again, or their job runs again.
SELECT jobrunner.wake_webhooks(CASE WHEN NOT $1::boolean THEN n.moment END)
FROM (
    SELECT min(greatest(w.next_attempt_at, d.process_at, CASE WHEN w.sender_job IS NULL THEN w.sender_until END)) AS moment
    FROM jobrunner.webhook AS w
    CROSS JOIN LATERAL (
        SELECT min(f.process_at) AS process_at
        FROM (
            SELECT d.process_at
            FROM jobrunner.webhook_delivery AS d
            WHERE d.webhook_id = w.id AND d.status = 'Pending'
            ORDER BY d.event_number
            -- In strict order the first one decides: it blocks the others.
            LIMIT CASE WHEN w.strict_order OR w.next_attempt_at > now() THEN 1 ELSE 1000 END
        ) AS f
    ) AS d
    WHERE w.active
        AND w.health <> 'disabled'
        AND d.process_at IS NOT NULL
        AND CASE
            WHEN w.sender_job IS NULL OR w.sender_until < now() THEN true
            ELSE w.sender_claim IS DISTINCT FROM (
                SELECT j.claim_id
                FROM jobrunner.job AS j
                WHERE j.id = w.sender_job
            )
        END
) AS n
WHERE $1::boolean OR n.moment IS NOT NULL
