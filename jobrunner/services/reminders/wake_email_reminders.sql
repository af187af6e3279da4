-- Queues a job: $1 for how long from now. What is not for now is on a whole second, so that several who wait for one event
-- queue one job.
SELECT jobrunner.wake_job('SendEmailReminders', ARRAY[
    CASE
        WHEN $1::interval > interval '0' THEN date_trunc('second', now() + $1::interval + interval '0.999999 seconds')
        ELSE now()
    END
])
