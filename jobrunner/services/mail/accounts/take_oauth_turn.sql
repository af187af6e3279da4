-- One's turn to use the refresh token of an account: $1 its place, $2 a number drawn for it, $3 for how long
INSERT INTO jobrunner.oauth_turn AS t (place, holder, expires_at)
VALUES ($1::text, $2::bigint, clock_timestamp() + $3::interval)
ON CONFLICT (place) DO UPDATE
SET holder = excluded.holder,
    expires_at = excluded.expires_at
WHERE t.expires_at <= clock_timestamp()
    OR t.holder = excluded.holder
RETURNING t.holder
