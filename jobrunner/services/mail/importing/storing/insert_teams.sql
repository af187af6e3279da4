-- Gives mails ($1) to teams ($2) that have them not
INSERT INTO jobrunner.email_team (email_id, team_id)
SELECT g.email_id, g.team_id
FROM unnest($1::bigint[], $2::text[]) AS g (email_id, team_id)
ORDER BY g.email_id, g.team_id
ON CONFLICT (email_id, team_id) DO NOTHING
