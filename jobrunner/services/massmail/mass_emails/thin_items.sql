-- $1 how long after its mass e-mail was finished an item stays, $2 how many go at once
SELECT jobrunner.remove_items(ARRAY(
    SELECT q.id
    FROM jobrunner.mass_email AS m
    JOIN jobrunner.queue_item AS q ON q.mass_email_id = m.id
    WHERE m.finished_at < now() - $1::text::interval AND q.status IN ('Sent', 'Failed', 'Skipped', 'Uncertain')
    ORDER BY q.id
    LIMIT $2::bigint
)) AS removed
