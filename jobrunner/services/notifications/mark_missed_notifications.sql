-- Ends notifications that are too old, a portion at a time; what was read meanwhile is not missed.
-- $1 how old is too old, $2 how many at most
WITH late AS (
    SELECT n.number
    FROM jobrunner.notification AS n
    WHERE n.mail = 'Waiting'
        AND n.next_attempt_at <= now()
        AND n.created_at <= now() - $1::interval
    ORDER BY n.next_attempt_at, n.number
    LIMIT $2::integer
    FOR UPDATE SKIP LOCKED
)
UPDATE jobrunner.notification AS n
SET mail = CASE WHEN n.read THEN 'Skipped' ELSE 'Missed' END::jobrunner.notification_mail,
    finished_at = now(),
    mail_reason = CASE WHEN n.read THEN 'read before it was sent' ELSE coalesce(n.mail_reason, 'nothing ran in time') END
FROM late
WHERE n.number = late.number
RETURNING n.mail::text AS state
