-- Popups that should be shown by now and that nobody has made visible:
-- $1 how long ago they were due at least, $2 how long after the start popups are shown, $3 where to stop counting
SELECT
    count(*)::integer AS popups,
    min(late.next_attempt_at) AS since
FROM (
    SELECT r.next_attempt_at
    FROM jobrunner.reminder AS r
    WHERE r.type = 'Popup'
        AND r.state = 'Waiting'
        AND r.next_attempt_at <= now() - $1::interval
        AND greatest(r.start_at, r.next_attempt_at) > now() - $2::interval
    ORDER BY r.next_attempt_at, r.id
    LIMIT $3::integer
) AS late
