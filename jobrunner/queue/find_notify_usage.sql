-- How full the queue of notifications of the whole server is, 0 to 1.
SELECT pg_notification_queue_usage() AS usage
