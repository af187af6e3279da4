-- What was sent in the last hour, of all mass mail and tests too, and what is being sent: that may be sent
SELECT (
    SELECT count(*)
    FROM jobrunner.queue_item AS q
    WHERE q.sent_at > now() - interval '1 hour'
) + (
    SELECT count(*)
    FROM jobrunner.queue_item AS q
    WHERE q.status = 'Sending'
) AS used
