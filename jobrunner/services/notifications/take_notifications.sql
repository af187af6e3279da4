-- Takes what one mail will hold: all that waits for the user and record of the one that is due longest.
-- $1 the sender's token, $2 its job or NULL, $3 for how long, $4 how old is too old, $5 whether only assignments
WITH next AS (
    SELECT
        n.number,
        n.user_id,
        n.parent_type,
        n.parent_id,
        n.mail_group,
        n.mail_group IS NOT NULL OR coalesce(
            (
                SELECT p.notification_grouping
                FROM jobrunner.notification_preferences AS p
                WHERE p.user_id = n.user_id
            ),
            true
        ) AS is_grouped
    FROM jobrunner.notification AS n
    WHERE n.mail = 'Waiting'
        AND n.next_attempt_at <= now()
        AND n.created_at > now() - $4::interval
        AND (NOT $5::boolean OR n.type = 'Assignment')
        -- The first of its user and record speaks for all: while one sender holds it, no other makes a second mail of
        -- the rest. (Where a user does not want them grouped the others only come one after the other.)
        AND NOT EXISTS (
            SELECT
            FROM jobrunner.notification AS e
            WHERE e.mail = 'Waiting'
                AND e.user_id = n.user_id
                AND coalesce(e.parent_type, '') = coalesce(n.parent_type, '')
                AND coalesce(e.parent_id, '') = coalesce(n.parent_id, '')
                AND e.mail_group IS NOT DISTINCT FROM n.mail_group
                AND e.number < n.number
                AND e.created_at > now() - $4::interval
                AND (NOT $5::boolean OR e.type = 'Assignment')
        )
    ORDER BY n.next_attempt_at, n.number
    LIMIT 1
    FOR UPDATE OF n SKIP LOCKED
), member AS (
    SELECT n.number
    FROM next
    JOIN jobrunner.notification AS n
        ON n.user_id = next.user_id
        AND coalesce(n.parent_type, '') = coalesce(next.parent_type, '')
        AND coalesce(n.parent_id, '') = coalesce(next.parent_id, '')
        AND n.mail_group IS NOT DISTINCT FROM next.mail_group
    WHERE n.mail = 'Waiting'
        AND (next.is_grouped OR n.number = next.number)
        AND n.created_at > now() - $4::interval
        AND (NOT $5::boolean OR n.type = 'Assignment')
    ORDER BY n.number
    LIMIT 500
    FOR UPDATE OF n SKIP LOCKED
)
UPDATE jobrunner.notification AS n
SET mail = 'Sending',
    mail_group = coalesce(n.mail_group, next.number),
    sender_token = $1::bigint,
    sender_job = sender.id,
    sender_claim = sender.claim_id,
    sender_until = now() + $3::interval
FROM member
CROSS JOIN next
LEFT JOIN jobrunner.job AS sender ON sender.id = $2::bigint AND sender.status = 'Running'
WHERE n.number = member.number
RETURNING
    n.number,
    n.mail_group,
    n.user_id,
    n.attempt_count,
    n.doubt_count
