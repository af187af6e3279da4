-- With its members; of mass e-mails that are finished it goes as well. Nothing where an unfinished one uses it.
WITH free AS (
    SELECT l.id
    FROM jobrunner.target_list AS l
    WHERE l.id = $1::bigint
        AND NOT EXISTS (
            SELECT
            FROM jobrunner.mass_email_list AS u
            JOIN jobrunner.mass_email AS m ON m.id = u.mass_email_id
            WHERE u.target_list_id = l.id AND m.status NOT IN ('Complete', 'Failed', 'Aborted')
        )
), unused AS (
    DELETE FROM jobrunner.mass_email_list AS u
    USING free
    WHERE u.target_list_id = free.id
)
DELETE FROM jobrunner.target_list AS l
USING free
WHERE l.id = free.id
RETURNING l.id
