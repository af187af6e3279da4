-- What ids stand for: $1 kinds of records, $2 as many ids
SELECT
    w.what,
    w.id,
    CASE w.what
        WHEN 'user' THEN (SELECT u.name || CASE WHEN u.active THEN '' ELSE ' (not active)' END FROM jobrunner.app_user AS u WHERE u.id = w.id)
        WHEN 'team' THEN (SELECT t.name FROM jobrunner.team AS t WHERE t.id = w.id)
        WHEN 'folder' THEN (SELECT f.name FROM jobrunner.email_folder AS f WHERE f.id::text = w.id)
        WHEN 'group_folder' THEN (SELECT f.name FROM jobrunner.group_email_folder AS f WHERE f.id::text = w.id)
        WHEN 'template' THEN (SELECT t.name FROM jobrunner.email_template AS t WHERE t.id::text = w.id)
        WHEN 'smtp_account' THEN (SELECT s.name FROM jobrunner.smtp_account AS s WHERE s.id::text = w.id)
    END AS name
FROM unnest($1::text[], $2::text[]) AS w (what, id)
