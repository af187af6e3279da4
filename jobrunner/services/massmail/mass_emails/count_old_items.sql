-- How many items `thin_items` would remove in all: $1 how long after its mass e-mail was finished an item stays.
SELECT count(*) AS items
FROM jobrunner.mass_email AS m
JOIN jobrunner.queue_item AS q ON q.mass_email_id = m.id
WHERE m.finished_at < now() - $1::text::interval AND q.status IN ('Sent', 'Failed', 'Skipped', 'Uncertain')
