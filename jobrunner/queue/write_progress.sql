-- Keeps how far running attempts are, each only while its claim holds.
UPDATE jobrunner.job AS j
SET
    progress = p.progress,
    progress_message = p.message
FROM unnest($1::bigint[], $2::bigint[], $3::real[], $4::text[]) AS p (job_id, claim_id, progress, message)
WHERE j.id = p.job_id AND j.claim_id = p.claim_id
