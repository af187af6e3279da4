-- Whether a notification was mailed in the last day to a user who has no portal with an address of its own, among the last $1
SELECT EXISTS (
    SELECT
    FROM (
        SELECT
            l.user_id,
            l.mail,
            l.finished_at
        FROM jobrunner.notification AS l
        ORDER BY l.number DESC
        LIMIT $1::integer
    ) AS n
    LEFT JOIN jobrunner.portal_user AS w ON w.user_id = n.user_id
    WHERE n.mail = 'Sent'
        AND n.finished_at > now() - interval '1 day'
        AND w.site_url IS NULL
) AS is_sent
