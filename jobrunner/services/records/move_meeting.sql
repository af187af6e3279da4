UPDATE jobrunner.meeting
SET date_start = $2::timestamptz,
    date_start_date = $3::date
WHERE id = $1::text
RETURNING id
