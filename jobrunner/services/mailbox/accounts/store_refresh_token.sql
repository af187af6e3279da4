-- Keeps the token that a provider gave in place of the one it was asked with, if that one still stands there:
-- $1 the account's kind, $2 its id, $3 the sealed token that it was asked with, $4 the new one, sealed
WITH personal AS (
    UPDATE jobrunner.email_account AS e
    SET oauth_refresh_token = $4::text
    WHERE $1::jobrunner.mail_account_kind = 'Personal' AND e.id = $2::bigint AND e.oauth_refresh_token = $3::text
    RETURNING e.id
), shared AS (
    UPDATE jobrunner.inbound_email AS i
    SET oauth_refresh_token = $4::text
    WHERE $1::jobrunner.mail_account_kind = 'Group' AND i.id = $2::bigint AND i.oauth_refresh_token = $3::text
    RETURNING i.id
)
SELECT personal.id FROM personal
UNION ALL
SELECT shared.id FROM shared
