-- Active scheduled jobs of which nothing but failures came from at least $1 firings in a row, the longest first; up to $2. Of
-- each the last $3 jobs are looked at. One that only prepared others, and did so, says nothing of how those ended.
SELECT
    s.name,
    f.firings,
    f.jobs >= $3::bigint AS is_more,
    f.since,
    f.last_job,
    f.reason
FROM jobrunner.scheduled_job AS s
CROSS JOIN LATERAL (
    SELECT
        count(DISTINCT coalesce(r.firing, r.finished_at)) AS firings,
        count(*) AS jobs,
        min(r.finished_at) AS since,
        (array_agg(r.id ORDER BY r.finished_at DESC, r.id DESC))[1] AS last_job,
        (array_agg(r.reason ORDER BY r.finished_at DESC, r.id DESC))[1] AS reason
    FROM (
        SELECT
            l.*,
            count(*) FILTER (WHERE l.status <> 'Failed') OVER (ORDER BY l.finished_at DESC, l.id DESC) AS others
        FROM (
            SELECT
                h.id,
                h.status,
                h.firing,
                h.finished_at,
                left(split_part(coalesce(h.error, ''), E'\n', 1), 200) AS reason
            FROM jobrunner.job_history AS h
            WHERE h.scheduled_job_id = s.id
                AND h.started_at IS NOT NULL
                AND h.status <> 'Cancelled'
                AND NOT (h.preparing AND h.status = 'Success')
            ORDER BY h.finished_at DESC
            LIMIT $3::bigint
        ) AS l
    ) AS r
    WHERE r.others = 0
) AS f
WHERE s.status = 'Active' AND f.firings >= $1::bigint
ORDER BY f.since, s.name
LIMIT $2::bigint
