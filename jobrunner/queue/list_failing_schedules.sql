-- Active scheduled jobs of which nothing but failures came from at least $1 firings in a row, the longest first; up to $2. Of
-- each the last $3 jobs are looked at. One that only prepared others, and did so, says nothing of how those ended.
SELECT
    s.name,
    f.firings,
    f.is_more,
    f.since,
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
WHERE s.status = 'Active' AND f.firings >= $1::bigint
ORDER BY f.since, s.name
LIMIT $2::bigint
