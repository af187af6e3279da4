-- $1 mass e-mail. No row where it is not due, or somebody builds it at this moment.
SELECT b.status::text AS status, b.queued, b.left_out::text AS left_out
FROM jobrunner.build_mailing($1::bigint) AS b
