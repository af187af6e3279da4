-- Keeps the token that a provider gave in place of the one it was asked with, if that one still stands there:
-- $1 the account's id, $2 the sealed token that it was asked with, $3 the new one, sealed
UPDATE jobrunner.smtp_account AS a
SET oauth_refresh_token = $3::text
WHERE a.id = $1::bigint
    AND a.oauth_refresh_token = $2::text
RETURNING a.id
