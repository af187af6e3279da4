-- Queues a job: $1 for how long from now.
SELECT jobrunner.wake_email_notifications(ARRAY[now() + $1::interval])
