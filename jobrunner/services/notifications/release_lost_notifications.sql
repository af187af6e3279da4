-- Rows whose sender is gone: its job does not run under that claim any more, or its time is over. Whether the mail
-- server has the mail is not known: it is sent once more, not twice.
WITH lost AS (
    SELECT n.number
    FROM jobrunner.notification AS n
    WHERE n.mail = 'Sending'
        AND (
            n.sender_until < now()
            OR (
                n.sender_job IS NOT NULL
                -- One look by key for each of the few rows; EXISTS may be planned as a scan of all jobs.
                AND n.sender_claim IS DISTINCT FROM (
                    SELECT j.claim_id
                    FROM jobrunner.job AS j
                    WHERE j.id = n.sender_job
                )
            )
        )
    ORDER BY n.number
    FOR UPDATE OF n SKIP LOCKED
)
UPDATE jobrunner.notification AS n
SET mail = CASE WHEN n.doubt_count = 0 THEN 'Waiting' ELSE 'Uncertain' END::jobrunner.notification_mail,
    finished_at = CASE WHEN n.doubt_count = 0 THEN NULL ELSE now() END,
    next_attempt_at = now(),
    doubt_count = n.doubt_count + 1,
    mail_reason = 'the sender was lost while it sent',
    sender_token = NULL,
    sender_job = NULL,
    sender_claim = NULL,
    sender_until = NULL
FROM lost
WHERE n.number = lost.number AND n.mail = 'Sending'
RETURNING n.number
