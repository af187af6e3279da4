-- How far ahead one user is reminded of a record by now: $1 type of the record, $2 its id, $3 the user
SELECT DISTINCT w.type::text AS type, w.seconds
FROM jobrunner.wanted_reminders($1::text, $2::text) AS w
WHERE w.user_id = $3::text
ORDER BY w.seconds DESC, w.type::text
