-- Mails that nobody has anywhere but in the trash, for longer than $1, and that nothing else needs.
SELECT t.ctid
FROM jobrunner.email AS t
WHERE t.id IN (SELECT u.email_id FROM jobrunner.email_user AS u WHERE u.in_trash AND u.trashed_at < now() - $1::text::interval)
    AND NOT EXISTS (
        SELECT
        FROM jobrunner.email_user AS u
        WHERE u.email_id = t.id AND (NOT u.in_trash OR u.trashed_at IS NULL OR u.trashed_at >= now() - $1::text::interval)
    )
    AND t.group_folder_id IS NULL
    AND NOT EXISTS (SELECT FROM jobrunner.email_team AS e WHERE e.email_id = t.id)
    AND NOT EXISTS (SELECT FROM jobrunner.case_record AS c WHERE c.email_id = t.id)
    AND NOT EXISTS (
        SELECT
        FROM jobrunner.mail_follow_up AS f
        WHERE f.email_id = t.id AND (f.done_at IS NULL OR f.reply IN ('Waiting', 'Sending'))
    )
    AND NOT EXISTS (
        SELECT
        FROM jobrunner.mail_fetch_failure AS m
        WHERE m.email_id = t.id
    )
ORDER BY t.id
