-- The sealed refresh token of an account: $1 its table, $2 its id
SELECT s.oauth_refresh_token AS sealed
FROM jobrunner.smtp_account AS s
WHERE $1::text = 'smtp_account' AND s.id = $2::bigint
UNION ALL
SELECT e.oauth_refresh_token
FROM jobrunner.email_account AS e
WHERE $1 = 'email_account' AND e.id = $2
UNION ALL
SELECT i.oauth_refresh_token
FROM jobrunner.inbound_email AS i
WHERE $1 = 'inbound_email' AND i.id = $2
