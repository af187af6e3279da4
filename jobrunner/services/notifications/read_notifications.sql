-- All that is to be known of notifications that were taken, as it is now: $1 the sender's token, $2 their numbers
SELECT
    n.number,
    n.mail_group,
    n.user_id,
    n.type,
    n.data::text AS data,
    n.related_type,
    n.related_id,
    n.parent_type,
    n.parent_id,
    n.parent_name,
    n.parent_path,
    n.actor_id,
    n.read,
    n.created_at,
    n.attempt_count,
    n.doubt_count,
    u.name::text AS user_name,
    u.email::text AS email,
    u.active AS user_is_active,
    u.time_zone::text AS time_zone,
    u.language::text AS language,
    w.user_id IS NOT NULL AS is_portal_user,
    w.site_url::text AS portal_url,
    coalesce(p.receive_mention_email_notifications, true) AS wants_mentions,
    coalesce(p.receive_stream_email_notifications, true) AS wants_stream,
    coalesce(p.receive_assignment_email_notifications, true) AS wants_assignments,
    coalesce(p.assignment_email_notifications_ignore_entity_type_list, '{}') AS ignored_types,
    a.name::text AS actor_name,
    r.name AS record_name,
    r.path AS record_path,
    coalesce(r.is_gone, false) AS record_is_gone,
    r.assigned_user_ids,
    r.reply_to,
    n.parent_type IS NULL OR coalesce(jobrunner.may_see(n.user_id, n.parent_type, n.parent_id), false) AS may_see,
    CASE WHEN n.type = 'EmailReceived' THEN coalesce(jobrunner.addresses_of_user(n.user_id), '{}') ELSE '{}' END AS addresses,
    n.type <> 'Assignment' AND EXISTS (
        SELECT
        FROM jobrunner.notification AS o
        WHERE o.user_id = n.user_id
            AND o.related_type = n.related_type
            AND o.related_id = n.related_id
            AND o.number <> n.number
            AND o.type <> 'Assignment'
            AND o.mail = 'Sent'
    ) AS is_known,
    now() AS now
FROM jobrunner.notification AS n
LEFT JOIN jobrunner.app_user AS u ON u.id = n.user_id
LEFT JOIN jobrunner.app_user AS a ON a.id = n.actor_id
LEFT JOIN jobrunner.portal_user AS w ON w.user_id = n.user_id
LEFT JOIN jobrunner.notification_preferences AS p ON p.user_id = n.user_id
LEFT JOIN LATERAL jobrunner.notified_record(n.parent_type, n.parent_id) AS r ON true
WHERE n.number = ANY ($2::bigint[])
    AND n.mail = 'Sending'
    AND n.sender_token = $1::bigint
ORDER BY n.number
