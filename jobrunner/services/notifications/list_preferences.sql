-- $1 a user's id, NULL for all, $2 how many at most
SELECT
    u.id::text AS user_id,
    u.name::text AS user_name,
    u.email::text AS email,
    coalesce(u.active, false) AS is_active,
    w.user_id IS NOT NULL AS is_portal_user,
    coalesce(p.receive_mention_email_notifications, true) AS mentions,
    coalesce(p.receive_stream_email_notifications, true) AS stream,
    coalesce(p.receive_assignment_email_notifications, true) AS assignments,
    coalesce(p.assignment_email_notifications_ignore_entity_type_list, '{}') AS ignored_types,
    coalesce(p.notification_grouping, true) AS grouping
FROM jobrunner.app_user AS u
LEFT JOIN jobrunner.notification_preferences AS p ON p.user_id = u.id
LEFT JOIN jobrunner.portal_user AS w ON w.user_id = u.id
WHERE $1::text IS NULL
    OR u.id = $1::text
ORDER BY u.name, u.id
LIMIT $2::integer
