-- A run for the account ($1, $2) came to its end; $3, $4: what was wrong with a folder ($4) all the same, or NULL.
INSERT INTO jobrunner.mail_account_state AS s (
    account_kind, account_id, connected_at, last_trouble, last_trouble_folder, last_trouble_at
)
SELECT
    $1::jobrunner.mail_account_kind,
    $2::bigint,
    clock_timestamp(),
    $3::text,
    $4::text,
    CASE WHEN $3 IS NOT NULL THEN clock_timestamp() END
WHERE EXISTS (SELECT FROM jobrunner.email_account AS e WHERE $1 = 'Personal' AND e.id = $2)
    OR EXISTS (SELECT FROM jobrunner.inbound_email AS i WHERE $1 = 'Group' AND i.id = $2)
ON CONFLICT (account_kind, account_id) DO UPDATE
SET
    failures = 0,
    failing_since = NULL,
    retry_at = NULL,
    connected_at = excluded.connected_at,
    last_trouble = coalesce(excluded.last_trouble, s.last_trouble),
    last_trouble_folder = CASE WHEN excluded.last_trouble IS NULL THEN s.last_trouble_folder ELSE excluded.last_trouble_folder END,
    last_trouble_at = coalesce(excluded.last_trouble_at, s.last_trouble_at)
