-- The connections that watch the accounts $1 (kinds), $2 (ids) are alive.
INSERT INTO jobrunner.mail_account_state AS s (account_kind, account_id, watched_at)
SELECT w.kind::jobrunner.mail_account_kind, w.id, clock_timestamp()
FROM unnest($1::text[], $2::bigint[]) AS w (kind, id)
ORDER BY w.kind::jobrunner.mail_account_kind, w.id
ON CONFLICT (account_kind, account_id) DO UPDATE
SET watched_at = excluded.watched_at
