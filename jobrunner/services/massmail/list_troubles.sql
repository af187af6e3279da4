-- Mass e-mails that a fault has paused, those that have been so for longest first; up to $1.
SELECT m.name, m.reason, m.paused_at
FROM jobrunner.mass_email AS m
WHERE m.status = 'Paused' AND m.paused_by_fault
ORDER BY m.paused_at, m.id
LIMIT $1::bigint
