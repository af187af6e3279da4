-- Those whose queue is to be built now. One that somebody builds at this moment is in it.
SELECT m.id, m.name
FROM jobrunner.mass_email AS m
LEFT JOIN jobrunner.campaign AS c ON c.id = m.campaign_id
WHERE m.status = 'Pending' AND m.start_at <= now() AND c.status IS DISTINCT FROM 'Inactive'
ORDER BY m.start_at, m.id
