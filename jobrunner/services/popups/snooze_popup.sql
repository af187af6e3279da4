-- Lets a popup come again, and wakes the job then: $1 the user, $2 id, $3 in how long, or NULL for tomorrow at nine where
-- the user is
WITH snoozed AS (
    UPDATE jobrunner.reminder AS r
    SET state = 'Waiting',
        next_attempt_at = CASE
            WHEN $3::interval IS NULL THEN jobrunner.local_nine_tomorrow(
                (SELECT u.time_zone::text FROM jobrunner.app_user AS u WHERE u.id = r.user_id)
            )
            ELSE now() + $3::interval
        END
    WHERE r.id = $2::bigint
        AND r.user_id = $1::text
        AND r.type = 'Popup'
        AND r.state IN ('Due', 'Seen')
    RETURNING r.next_attempt_at
)
SELECT
    snoozed.next_attempt_at,
    jobrunner.wake_job('SubmitPopupReminders', ARRAY[snoozed.next_attempt_at]) AS woken
FROM snoozed
