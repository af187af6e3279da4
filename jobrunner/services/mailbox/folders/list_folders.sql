-- Folders of users, with what leads into them: $1 the user, NULL for all
SELECT
    f.id,
    f.name,
    f.user_id,
    u.name AS owner,
    (SELECT count(*) FROM jobrunner.email_user AS e WHERE e.folder_id = f.id) AS mails,
    ARRAY(
        SELECT a.name
        FROM jobrunner.email_account AS a
        WHERE a.email_folder_id = f.id
            OR EXISTS (SELECT FROM jsonb_each_text(a.folder_map) AS m (folder, id) WHERE m.id = f.id::text)
        ORDER BY a.name
    ) AS accounts,
    ARRAY(SELECT e.name FROM jobrunner.email_filter AS e WHERE e.email_folder_id = f.id ORDER BY e.id) AS filters
FROM jobrunner.email_folder AS f
JOIN jobrunner.app_user AS u ON u.id = f.user_id
WHERE $1::text IS NULL
    OR f.user_id = $1
ORDER BY u.name, f.user_id, f.name
