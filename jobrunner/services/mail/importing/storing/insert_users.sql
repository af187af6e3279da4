-- Gives mails to users; says who had them not before. What a user did with a mail already stays as it is.
INSERT INTO jobrunner.email_user AS u (
    email_id, user_id, folder_id, is_assigned, is_read, is_important, in_trash, skip_notification
)
SELECT g.email_id, g.user_id, g.folder_id, g.is_assigned, g.is_read, g.is_important, g.in_trash, g.skip_notification
FROM jsonb_to_recordset($1::text::jsonb) AS g (
    email_id bigint,
    user_id text,
    folder_id bigint,
    is_assigned boolean,
    is_read boolean,
    is_important boolean,
    in_trash boolean,
    skip_notification boolean
)
ORDER BY g.email_id, g.user_id
ON CONFLICT (email_id, user_id) DO UPDATE
SET folder_id = coalesce(u.folder_id, excluded.folder_id), is_assigned = u.is_assigned OR excluded.is_assigned
RETURNING u.email_id, u.user_id, u.xmax = 0 AS is_new
