-- Events that were laid out for whoever listened, and of which no delivery is left: $1 how long they are kept.
SELECT t.ctid
FROM jobrunner.webhook_event AS t
WHERE t.fanned_out_at < now() - $1::text::interval
    AND NOT EXISTS (SELECT FROM jobrunner.webhook_delivery AS d WHERE d.event_number = t.number)
ORDER BY t.number
