-- $1 when, NULL for now
SELECT jobrunner.wake_job('ProcessMassEmail', ARRAY[$1::timestamptz])
