-- What the pages of some users show, as JSON, a row for each user that there is and is active:
-- $1 ids of users, $2 how long after the start popups are shown, $3 how many at most
SELECT
    u.id::text AS user_id,
    (
        SELECT coalesce(jsonb_agg(shown.popup ORDER BY shown.start_at, shown.id), '[]')::text
        FROM (
            SELECT
                r.id,
                r.start_at,
                jsonb_build_object(
                    'id', r.id,
                    'seen', r.state = 'Seen',
                    'type', r.entity_type,
                    'record', r.entity_id,
                    'name', left(o.name, 255),
                    'start', to_char(r.start_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                    'day', o.start_date,
                    'zone', u.time_zone,
                    'due', to_char(r.submitted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
                ) AS popup
            FROM jobrunner.reminder AS r
            CROSS JOIN LATERAL jobrunner.occasion(r.entity_type, r.entity_id) AS o
            WHERE r.user_id = u.id
                AND r.type = 'Popup'
                AND r.state IN ('Due', 'Seen')
                AND greatest(r.start_at, r.next_attempt_at) > now() - $2::interval
                AND o.is_open
            ORDER BY r.start_at DESC, r.id DESC
            LIMIT $3::integer
        ) AS shown
    ) AS popups
FROM jobrunner.app_user AS u
WHERE u.id = ANY($1::text[]) AND u.active
ORDER BY u.id
