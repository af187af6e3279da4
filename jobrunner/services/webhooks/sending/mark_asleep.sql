-- Says that a run does not look any more: $1 its token. What is over goes, too: runs that are lost, jobs that have begun.
WITH gone AS (
    SELECT r.token
    FROM jobrunner.webhook_run AS r
    WHERE r.token = $1::bigint OR r.awake_until < clock_timestamp() - interval '1 hour'
    ORDER BY r.token
    FOR UPDATE
), begun AS (
    DELETE FROM jobrunner.webhook_wake AS w
    WHERE NOT EXISTS (SELECT FROM jobrunner.job AS j WHERE j.id = w.job_id AND j.status = 'Pending')
)
DELETE FROM jobrunner.webhook_run AS r
USING gone
WHERE r.token = gone.token
