SELECT jobrunner.plan_reminders($1::text, $2::text)
