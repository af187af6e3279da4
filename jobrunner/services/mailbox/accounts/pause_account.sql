-- Pauses an account: $1 kind, $2 id, $3 by what, $4 reason. Returns whether it was not paused before; nothing, where a
-- pause stays that is a person's, or there is no such account.
INSERT INTO jobrunner.mail_account_state AS s (account_kind, account_id, paused_kind, pause_reason, paused_at)
SELECT
    $1::jobrunner.mail_account_kind,
    $2::bigint,
    $3::text::jobrunner.mail_pause,
    $4::text,
    now()
WHERE EXISTS (SELECT FROM jobrunner.email_account AS e WHERE $1 = 'Personal' AND e.id = $2)
    OR EXISTS (SELECT FROM jobrunner.inbound_email AS i WHERE $1 = 'Group' AND i.id = $2)
ON CONFLICT (account_kind, account_id) DO UPDATE
SET
    paused_kind = excluded.paused_kind,
    pause_reason = excluded.pause_reason,
    paused_at = coalesce(s.paused_at, excluded.paused_at)
WHERE excluded.paused_kind = 'person'
    OR s.paused_kind IS DISTINCT FROM 'person'
RETURNING s.paused_at = now() AS began
