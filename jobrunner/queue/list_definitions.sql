-- What daemons have published that they can run, and which of those that live can.
SELECT
    d.name,
    d.blocking,
    d.queue,
    d.max_attempts,
    extract(epoch FROM d.deadline)::double precision AS deadline,
    d.often,
    d.fans_out,
    d.crontab,
    ARRAY(
        SELECT DISTINCT l.name
        FROM jobrunner.daemon AS l
        WHERE l.expires_at >= clock_timestamp() AND d.name = ANY(l.definitions)
        ORDER BY l.name
    ) AS daemons
FROM jobrunner.definition AS d
ORDER BY d.name
