-- Queues a job for now.
SELECT jobrunner.wake_email_reminders(ARRAY[now()])
