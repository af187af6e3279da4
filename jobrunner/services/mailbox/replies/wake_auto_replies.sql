-- Queues a job for account $1: $2 for how long from now. What is not for now is on a whole second.
SELECT jobrunner.wake_auto_replies(
    $1::bigint,
    CASE WHEN $2::interval > interval '0' THEN date_trunc('second', now() + $2::interval + interval '0.999999 seconds') END
) AS job_id
