-- The database's time, the number of edits, and what is overdue by more than $1 seconds or has no next fire time.
SELECT
    clock_timestamp() AS now,
    (SELECT r.number FROM jobrunner.revision AS r WHERE r.topic = 'scheduled_jobs') AS edits,
    overdue.ids,
    overdue.revisions,
    overdue.fire_times
FROM (
    SELECT
        array_agg(s.id) AS ids,
        array_agg(s.revision) AS revisions,
        array_agg(s.next_fire_at) AS fire_times
    FROM jobrunner.scheduled_job AS s
    WHERE
        s.status = 'Active'
        AND (
            s.next_fire_at <= clock_timestamp() - make_interval(secs => $1)
            OR (s.next_fire_at IS NULL AND s.problem IS NULL)
        )
) AS overdue
