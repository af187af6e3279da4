-- Makes the reminders fit a record; returns how many wait (see jobrunner.plan_reminders).
SELECT jobrunner.plan_reminders($1::text, $2::text)
