UPDATE jobrunner.task
SET date_end = $2::timestamptz,
    date_end_date = $3::date
WHERE id = $1::text
RETURNING id
