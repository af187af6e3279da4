-- The latest runs of a scheduled job, $2 at most: under way, ended for good, and attempts that are or were repeated.
SELECT
    r.job_id,
    r.outcome,
    r.attempt,
    r.started_at,
    r.ended_at,
    r.daemon,
    r.preparing,
    r.target_type,
    r.target_id,
    r.first_firing,
    r.firing,
    r.firings,
    left(r.error, 1000) AS error
FROM (
    SELECT
        j.id AS job_id,
        j.status::text AS outcome,
        j.attempt,
        j.started_at,
        NULL::timestamptz AS ended_at,
        (
            SELECT d.name
            FROM jobrunner.claim AS c
            JOIN jobrunner.daemon AS d ON d.id = c.daemon_id
            WHERE c.id = j.claim_id
        ) AS daemon,
        j.preparing,
        j.target_type,
        j.target_id,
        j.first_firing,
        j.firing,
        j.firings,
        NULL AS error
    FROM jobrunner.job AS j
    WHERE j.scheduled_job_id = $1 AND j.status = 'Running'
    UNION ALL
    SELECT *
    FROM (
        SELECT
            h.id,
            h.status::text,
            h.attempt,
            h.started_at,
            h.finished_at,
            h.daemon,
            h.preparing,
            h.target_type,
            h.target_id,
            h.first_firing,
            h.firing,
            h.firings,
            h.error
        FROM jobrunner.job_history AS h
        WHERE h.scheduled_job_id = $1
        ORDER BY h.finished_at DESC
        LIMIT $2
    ) AS finished
    UNION ALL
    SELECT *
    FROM (
        SELECT
            a.job_id,
            a.outcome::text,
            a.attempt,
            a.started_at,
            a.ended_at,
            a.daemon,
            NULL::boolean,
            a.target_type,
            a.target_id,
            NULL::timestamptz,
            NULL::timestamptz,
            NULL::integer,
            a.error
        FROM jobrunner.attempt AS a
        WHERE a.scheduled_job_id = $1
        ORDER BY a.ended_at DESC
        LIMIT $2
    ) AS repeated
) AS r
ORDER BY
    r.ended_at DESC NULLS FIRST,
    r.started_at DESC NULLS LAST,
    r.job_id DESC,
    r.attempt DESC
LIMIT $2
