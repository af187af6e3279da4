-- Mail $1 is in case $2 now, which is called $3: so are the notifications of it that have not been mailed yet.
WITH waiting AS (
    SELECT n.number
    FROM jobrunner.email_user AS u
    INNER JOIN jobrunner.notification AS n ON n.user_id = u.user_id
    WHERE u.email_id = $1::bigint
        AND n.related_type = 'Email'
        AND n.related_id = u.email_id::text
        AND n.type = 'EmailReceived'
        AND n.mail = 'Waiting'
        AND n.mail_group IS NULL
        AND (n.parent_type IS DISTINCT FROM 'Case' OR n.parent_id IS DISTINCT FROM $2::text)
    ORDER BY n.number
    FOR UPDATE OF n
)
UPDATE jobrunner.notification AS n
SET parent_type = 'Case',
    parent_id = $2,
    parent_name = $3::text,
    parent_path = NULL
FROM waiting AS w
WHERE n.number = w.number
