-- Pauses an account: $1 its key, $2 kind, $3 reason, $4 for how long or NULL. Returns whether it was not paused before;
-- nothing, where a pause stays that is a person's.
WITH moment AS MATERIALIZED (
    SELECT clock_timestamp() AS at
)
INSERT INTO jobrunner.smtp_account_state AS s (account, paused_kind, pause_reason, paused_at, paused_until, last_trouble, last_trouble_at)
SELECT
    $1,
    $2::text::jobrunner.smtp_pause,
    $3::text,
    m.at,
    m.at + $4::interval,
    CASE WHEN $2::text <> 'person' THEN $3::text END,
    CASE WHEN $2::text <> 'person' THEN m.at END
FROM moment AS m
ON CONFLICT (account) DO UPDATE
SET paused_kind = excluded.paused_kind,
    pause_reason = excluded.pause_reason,
    paused_at = CASE
        WHEN s.paused_kind IS NULL OR s.paused_until <= excluded.paused_at THEN excluded.paused_at
        ELSE s.paused_at
    END,
    paused_until = excluded.paused_until,
    last_trouble = coalesce(excluded.last_trouble, s.last_trouble),
    last_trouble_at = coalesce(excluded.last_trouble_at, s.last_trouble_at)
WHERE excluded.paused_kind = 'person'
    OR s.paused_kind IS DISTINCT FROM 'person'
RETURNING s.paused_at = (SELECT m.at FROM moment AS m) AS began
