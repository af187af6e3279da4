-- A mail that is merged gets the group folder only if it has none: $1 mails, $2 the folder of each. Locked in the order of
-- ids, as all who import lock mails.
WITH without AS (
    SELECT e.id
    FROM jobrunner.email AS e
    WHERE e.id = ANY ($1::bigint[]) AND e.group_folder_id IS NULL
    ORDER BY e.id
    FOR NO KEY UPDATE
)

UPDATE jobrunner.email AS e
SET group_folder_id = g.group_folder_id
FROM without AS w
INNER JOIN unnest($1, $2::bigint[]) AS g (email_id, group_folder_id) ON g.email_id = w.id
WHERE e.id = w.id AND e.group_folder_id IS NULL
