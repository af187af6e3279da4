-- Takes up to $6 ready jobs of one queue and kind for the daemon $2 under the new claim $1.
-- Rows that another daemon holds at this moment are passed over, so that claims never wait for each other.
-- It begins at the place ($8, $9, $10) in claim order: what was claimed before leaves dead entries in the index until
-- a vacuum, and as long as some transaction is open none can clean them.
WITH ready AS (
    SELECT j.id
    FROM jobrunner.job AS j
    WHERE
        j.queue = $4
        AND j.blocking = $5
        AND j.hold IS NULL
        AND j.status = 'Pending'
        AND (j.priority, j.execute_at, j.id) >= ($8::integer, $9::timestamptz, $10::bigint)
        AND j.name = ANY($7)  -- what this daemon does not know is left for one that does
    ORDER BY j.priority, j.execute_at, j.id
    LIMIT $6
    FOR UPDATE SKIP LOCKED
), claimed AS (
    -- No index holds any of these columns: a HOT update.
    UPDATE jobrunner.job AS j
    SET
        status = 'Running',
        claim_id = $1,
        attempt = j.attempt + 1,
        started_at = clock_timestamp()
    -- An array and no join: whatever the planner thinks of $6, it goes by the primary key.
    WHERE j.id = ANY(ARRAY(SELECT ready.id FROM ready))
    RETURNING
        j.id,
        j.name,
        j.queue,
        j.blocking,
        j.attempt,
        j.max_attempts,
        j.data,
        j.target_type,
        j.target_id,
        j.group_name,
        j.scheduled_job_id,
        j.firing,
        j.first_firing,
        j.firings,
        j.preparing,
        j.cancel_requested,
        j.priority,
        j.execute_at
), claim AS (
    INSERT INTO jobrunner.claim (id, daemon_id, expires_at, job_ids)
    SELECT
        $1,
        $2,
        clock_timestamp() + make_interval(secs => $3),
        array_agg(claimed.id)
    FROM claimed
    HAVING count(*) > 0
)
SELECT claimed.*
FROM claimed
ORDER BY claimed.priority, claimed.execute_at, claimed.id
