-- A mail that is merged gets the group folder only if it has none.
UPDATE jobrunner.email AS e
SET group_folder_id = g.group_folder_id
FROM unnest($1::bigint[], $2::bigint[]) AS g (email_id, group_folder_id)
WHERE e.id = g.email_id AND e.group_folder_id IS NULL
