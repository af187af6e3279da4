-- Releases what is due, then names the queues that have jobs ready (see jobrunner.look).
SELECT
    l.queue,
    l.blocking,
    l.next_due_in,
    l.oldest::text::bigint AS oldest,
    l.horizon::text::bigint AS horizon
FROM jobrunner.look($1) AS l
