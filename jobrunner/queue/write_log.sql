-- Keeps log lines of running attempts, each only while its claim holds.
INSERT INTO jobrunner.job_log (job_id, attempt, at, level, logger, message)
SELECT
    l.job_id,
    l.attempt,
    to_timestamp(l.at),
    l.level,
    l.logger,
    l.message
FROM unnest(
    $1::bigint[], $2::bigint[], $3::integer[], $4::double precision[], $5::smallint[], $6::text[], $7::text[]
) WITH ORDINALITY AS l (job_id, claim_id, attempt, at, level, logger, message, place)
JOIN jobrunner.job AS j ON j.id = l.job_id AND j.claim_id = l.claim_id
ORDER BY l.place
