-- Keeps how far running attempts are, each only while its claim holds.
-- One whose end is being stored at this moment is passed over, never waited for.
WITH told AS (
    SELECT *
    FROM unnest($1::bigint[], $2::bigint[], $3::real[], $4::text[]) AS p (job_id, claim_id, progress, message)
), locked AS (
    SELECT
        j.id,
        told.progress,
        told.message
    FROM jobrunner.job AS j
    JOIN told ON j.id = told.job_id AND j.claim_id = told.claim_id
    ORDER BY j.id
    FOR NO KEY UPDATE OF j SKIP LOCKED
)
UPDATE jobrunner.job AS j
SET
    progress = locked.progress,
    progress_message = locked.message
FROM locked
WHERE j.id = locked.id
