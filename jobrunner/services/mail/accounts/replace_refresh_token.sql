-- Puts a refresh token in the place of another, if that one still stands there: $1 the account's table, $2 its id, $3 the
-- one that stood there, $4 the new one, both sealed
SELECT jobrunner.reseal($1::text, $2::bigint::text, 'oauth_refresh_token', $3::text, $4::text) AS replaced
