-- Names of group accounts that are read, and whose mail reaches nobody; $1: their ids, NULL for all.
SELECT a.name
FROM jobrunner.inbound_email AS a
WHERE ($1::bigint[] IS NULL OR a.id = ANY ($1::bigint[]))
    AND a.status = 'Active'
    AND a.use_imap
    AND a.team_id IS NULL
    AND a.assign_to_user_id IS NULL
    AND NOT EXISTS (SELECT FROM jobrunner.inbound_email_team AS t WHERE t.inbound_email_id = a.id)
    AND NOT EXISTS (SELECT FROM jobrunner.group_email_folder_team AS g WHERE g.group_folder_id = a.group_email_folder_id)
ORDER BY a.id
