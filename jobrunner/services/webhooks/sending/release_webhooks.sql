-- Gives up webhooks: $1 the run's token, $2 which.
WITH locked AS (
    SELECT w.id
    FROM jobrunner.webhook AS w
    WHERE w.id = ANY ($2::bigint[]) AND w.sender_token = $1::bigint
        -- Lost in a crash, its time runs out.
        AND set_config('synchronous_commit', 'off', true) IS NOT NULL
    ORDER BY w.id
    FOR NO KEY UPDATE
)
UPDATE jobrunner.webhook AS w
SET sender_token = NULL,
    sender_job = NULL,
    sender_claim = NULL,
    sender_until = NULL,
    served_at = now()
FROM locked AS l
WHERE w.id = l.id AND w.sender_token = $1::bigint
RETURNING w.id
