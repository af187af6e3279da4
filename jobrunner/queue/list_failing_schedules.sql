-- Active scheduled jobs of which nothing but failures came from at least $1 firings in a row, the longest first; up to $2. Of
-- each the last $3 jobs are looked at; where those are all of fewer firings it goes from firing to firing. A job that only
-- prepared others, and did so, says nothing of how those ended.
SELECT
    s.name,
    greatest(f.firings, w.firings) AS firings,
    f.is_more,
    least(f.since, w.since) AS since,
    f.last_job,
    f.reason
FROM jobrunner.scheduled_job AS s
CROSS JOIN LATERAL (
    SELECT
        count(DISTINCT coalesce(r.firing, r.finished_at)) AS firings,
        count(*) = min(r.judged) AND min(r.looked_at) >= $3::bigint AS is_more,
        min(r.finished_at) AS since,
        (array_agg(r.id ORDER BY r.finished_at DESC, r.id DESC))[1] AS last_job,
        (array_agg(r.reason ORDER BY r.finished_at DESC, r.id DESC))[1] AS reason
    FROM (
        SELECT
            l.*,
            count(*) OVER () AS judged,
            count(*) FILTER (WHERE l.status <> 'Failed') OVER (ORDER BY l.finished_at DESC, l.id DESC) AS others
        FROM (
            SELECT h.*, count(*) OVER () AS looked_at
            FROM (
                SELECT
                    j.id,
                    j.status,
                    j.started_at,
                    j.preparing,
                    j.firing,
                    j.finished_at,
                    left(split_part(coalesce(j.error, ''), E'\n', 1), 200) AS reason
                FROM jobrunner.job_history AS j
                WHERE j.scheduled_job_id = s.id
                ORDER BY j.finished_at DESC
                LIMIT $3::bigint
            ) AS h
        ) AS l
        WHERE l.started_at IS NOT NULL AND l.status <> 'Cancelled' AND NOT (l.preparing AND l.status = 'Success')
    ) AS r
    WHERE r.others = 0
) AS f
LEFT JOIN LATERAL (
    WITH RECURSIVE step AS (
        SELECT
            0 AS number,
            timestamptz 'infinity' AS began_at,
            NULL::timestamptz AS failed_at
        WHERE f.is_more AND f.firings < $1::bigint
        UNION ALL
        SELECT
            step.number + 1,
            n.began_at,
            n.failed_at
        FROM step
        CROSS JOIN LATERAL (
            -- Whatever ended before a firing belongs to an earlier one.
            SELECT
                least(l.firing, l.finished_at) AS began_at,
                l.finished_at AS failed_at
            FROM (
                SELECT
                    j.started_at,
                    j.firing,
                    j.finished_at
                FROM jobrunner.job_history AS j
                WHERE j.scheduled_job_id = s.id
                    AND j.status = 'Failed'
                    AND j.finished_at < step.began_at
                ORDER BY j.finished_at DESC
                LIMIT $3::bigint
            ) AS l
            WHERE l.started_at IS NOT NULL
            ORDER BY l.finished_at DESC
            LIMIT 1
        ) AS n
        WHERE step.number < $1::bigint
    )
    SELECT
        step.number AS firings,
        step.failed_at AS since
    FROM step
    WHERE step.number = $1::bigint
        AND NOT EXISTS (
            SELECT
            FROM jobrunner.job_history AS o
            WHERE o.scheduled_job_id = s.id
                AND o.status = 'Success'
                AND o.finished_at >= step.began_at
                AND o.started_at IS NOT NULL
                AND NOT o.preparing
        )
) AS w ON true
WHERE s.status = 'Active' AND greatest(f.firings, w.firings) >= $1::bigint
ORDER BY least(f.since, w.since), s.name
LIMIT $2::bigint
