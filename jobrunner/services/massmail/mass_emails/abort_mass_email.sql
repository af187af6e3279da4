-- $1 id, $2 reason. NULL unless it was under way or Paused.
SELECT jobrunner.end_mailing($1::bigint, 'Aborted', $2::text) AS items
