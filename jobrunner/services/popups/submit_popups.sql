-- Makes a portion of what is due visible to its users' pages, or ends it: $1 how long after the start it is too late,
-- $2 how many at most, $3 ids that are passed over. A snoozed one counts from when it was to come again. Moved: the record
-- starts at another time by now and nobody planned it anew; that row stays as it is.
WITH due AS (
    SELECT r.id
    FROM jobrunner.reminder AS r
    WHERE r.type = 'Popup'
        AND r.state = 'Waiting'
        AND r.next_attempt_at <= now()
        AND r.id <> ALL ($3::bigint[])
    ORDER BY r.next_attempt_at, r.id
    LIMIT $2::integer
    FOR UPDATE SKIP LOCKED
), looked_at AS (
    SELECT
        r.id,
        r.entity_type,
        r.entity_id,
        r.user_id,
        CASE
            WHEN greatest(r.start_at, r.next_attempt_at) <= now() - $1::interval THEN 'Expired'
            WHEN o.name IS NULL OR NOT o.is_open THEN 'Skipped'
            WHEN u.id IS NULL OR NOT u.active THEN 'Skipped'
            WHEN NOT EXISTS (
                SELECT
                FROM jobrunner.reminder_receivers(r.entity_type, r.entity_id) AS w
                WHERE w.user_id = r.user_id
            ) THEN 'Skipped'
            WHEN coalesce(o.start_at, jobrunner.local_midnight(o.start_date, u.time_zone::text)) IS DISTINCT FROM r.start_at THEN 'Moved'
            ELSE 'Due'
        END AS outcome,
        CASE
            WHEN greatest(r.start_at, r.next_attempt_at) <= now() - $1::interval THEN 'nothing ran in time'
            WHEN o.name IS NULL THEN 'the record is gone'
            WHEN NOT o.is_open THEN 'the record is held, done, cancelled or deleted'
            WHEN u.id IS NULL THEN 'the user is gone'
            WHEN NOT u.active THEN 'the user is not active'
            ELSE 'the user has declined or takes no part'
        END AS why
    FROM due
    JOIN jobrunner.reminder AS r ON r.id = due.id
    LEFT JOIN jobrunner.app_user AS u ON u.id = r.user_id
    LEFT JOIN LATERAL jobrunner.occasion(r.entity_type, r.entity_id) AS o ON true
), settled AS (
    UPDATE jobrunner.reminder AS r
    SET state = l.outcome::jobrunner.reminder_state,
        submitted_at = CASE WHEN l.outcome = 'Due' THEN now() ELSE r.submitted_at END,
        finished_at = CASE WHEN l.outcome <> 'Due' THEN now() END,
        reason = CASE WHEN l.outcome <> 'Due' THEN l.why END
    FROM looked_at AS l
    WHERE r.id = l.id AND r.state = 'Waiting' AND l.outcome <> 'Moved'
    RETURNING r.id
)
SELECT
    l.id,
    l.outcome,
    l.entity_type,
    l.entity_id,
    l.user_id,
    l.why
FROM looked_at AS l
LEFT JOIN settled ON settled.id = l.id
WHERE l.outcome = 'Moved' OR settled.id IS NOT NULL
ORDER BY l.id
