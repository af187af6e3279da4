-- Why user $1 is not to be told of mail $2: was told already, or has a filter that forbids it.
SELECT 'told' AS reason
FROM jobrunner.notification AS n
WHERE n.user_id = $1::text
    AND n.related_type = 'Email'
    AND n.related_id = $2::bigint::text
    AND n.type = 'EmailReceived'
UNION ALL
SELECT 'filter'
FROM jobrunner.email_user AS u
WHERE u.email_id = $2 AND u.user_id = $1 AND u.skip_notification
