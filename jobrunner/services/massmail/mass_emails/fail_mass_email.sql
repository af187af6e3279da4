-- $1 id, $2 reason. NULL unless it was under way.
SELECT jobrunner.end_mailing($1::bigint, 'Failed', $2::text) AS items
