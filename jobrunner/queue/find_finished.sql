-- Which of these finishes are stored already: asked when the answer to a finish was lost.
SELECT h.id
FROM jobrunner.job_history AS h
JOIN unnest($1::bigint[], $2::bigint[]) AS f (id, claim_id) ON h.id = f.id AND h.claim_id = f.claim_id
