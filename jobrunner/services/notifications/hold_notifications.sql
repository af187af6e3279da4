-- Notes on what is due why it waits: $1 the reason, $2 how old is too old, $3 how many at most
WITH due AS (
    SELECT n.number
    FROM jobrunner.notification AS n
    WHERE n.mail = 'Waiting'
        AND n.next_attempt_at <= now()
        AND n.created_at > now() - $2::interval
        AND n.mail_reason IS DISTINCT FROM $1::text
    ORDER BY n.next_attempt_at, n.number
    LIMIT $3::integer
    FOR UPDATE SKIP LOCKED
)
UPDATE jobrunner.notification AS n
SET mail_reason = $1::text
FROM due
WHERE n.number = due.number AND n.mail = 'Waiting'
RETURNING n.number
