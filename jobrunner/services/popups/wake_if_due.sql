-- Queues a job where something is due still (a row was locked, or a portion was not enough): $1 for how long from now,
-- $2 ids that do not count
SELECT jobrunner.wake_job('SubmitPopupReminders', ARRAY[now() + $1::interval]) AS woken
WHERE EXISTS (
    SELECT
    FROM jobrunner.reminder AS r
    WHERE r.type = 'Popup' AND r.state = 'Waiting' AND r.next_attempt_at <= now() AND r.id <> ALL ($2::bigint[])
)
