-- Pauses an account: $1 its key, $2 kind, $3 reason, $4 for how long or NULL. Returns whether it was not paused before;
-- nothing, where a pause stays that is a person's.
WITH former AS (
    SELECT s.paused_kind IS NOT NULL AND coalesce(s.paused_until > clock_timestamp(), true) AS paused
    FROM jobrunner.smtp_account_state AS s
    WHERE s.account = $1
    FOR UPDATE
)
INSERT INTO jobrunner.smtp_account_state AS s (account, paused_kind, pause_reason, paused_at, paused_until, last_trouble, last_trouble_at)
VALUES (
    $1,
    $2::text::jobrunner.smtp_pause,
    $3::text,
    clock_timestamp(),
    clock_timestamp() + $4::interval,
    CASE WHEN $2::text <> 'person' THEN $3::text END,
    CASE WHEN $2::text <> 'person' THEN clock_timestamp() END
)
ON CONFLICT (account) DO UPDATE
SET paused_kind = excluded.paused_kind,
    pause_reason = excluded.pause_reason,
    paused_at = excluded.paused_at,
    paused_until = excluded.paused_until,
    last_trouble = coalesce(excluded.last_trouble, s.last_trouble),
    last_trouble_at = coalesce(excluded.last_trouble_at, s.last_trouble_at)
WHERE excluded.paused_kind = 'person'
    OR s.paused_kind IS DISTINCT FROM 'person'
RETURNING NOT coalesce((SELECT f.paused FROM former AS f), false) AS began
