-- $1 when, NULL for now
SELECT jobrunner.wake_mass_email($1::timestamptz)
