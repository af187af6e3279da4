-- Rows whose sender is gone: its job does not run under that claim any more, or its time is over. Whether the mail
-- server has the mail is not known: it is sent once more, not twice.
WITH lost AS (
    SELECT r.id
    FROM jobrunner.reminder AS r
    WHERE r.state = 'Sending'
        AND (
            r.sender_until < now()
            OR (
                r.sender_job IS NOT NULL
                -- One look by key for each of the few rows; EXISTS may be planned as a scan of all jobs.
                AND r.sender_claim IS DISTINCT FROM (
                    SELECT j.claim_id
                    FROM jobrunner.job AS j
                    WHERE j.id = r.sender_job
                )
            )
        )
    ORDER BY r.id
    FOR UPDATE OF r SKIP LOCKED
)
UPDATE jobrunner.reminder AS r
SET state = CASE WHEN r.doubt_count = 0 THEN 'Waiting' ELSE 'Uncertain' END::jobrunner.reminder_state,
    finished_at = CASE WHEN r.doubt_count = 0 THEN NULL ELSE now() END,
    next_attempt_at = now(),
    doubt_count = r.doubt_count + 1,
    reason = 'the sender was lost while it sent',
    sender_token = NULL,
    sender_job = NULL,
    sender_claim = NULL,
    sender_until = NULL
FROM lost
WHERE r.id = lost.id AND r.state = 'Sending'
RETURNING r.id
