-- The account ($1, $2) could not be read, for the reason $3, in the folder $4 or NULL. It waits for one of $5 by how often
-- that was so in a row, ±10 %; after the last of them it is paused as $6 says, or goes on with the last where that is NULL.
-- Nobody is told twice a day ($7): whether it is time to tell somebody is what `tell` says.
INSERT INTO jobrunner.mail_account_state AS s (
    account_kind, account_id, failures, retry_at, last_trouble, last_trouble_folder, last_trouble_at, notified_at
)
SELECT
    $1::jobrunner.mail_account_kind,
    $2::bigint,
    1,
    clock_timestamp() + ($5::interval[])[1] * (0.9 + 0.2 * random()),
    $3::text,
    $4::text,
    clock_timestamp(),
    clock_timestamp()
WHERE EXISTS (SELECT FROM jobrunner.email_account AS e WHERE $1 = 'Personal' AND e.id = $2)
    OR EXISTS (SELECT FROM jobrunner.inbound_email AS i WHERE $1 = 'Group' AND i.id = $2)
ON CONFLICT (account_kind, account_id) DO UPDATE
SET
    failures = s.failures + 1,
    retry_at = excluded.last_trouble_at
        + ($5::interval[])[least(s.failures + 1, cardinality($5::interval[]))] * (0.9 + 0.2 * random()),
    last_trouble = excluded.last_trouble,
    last_trouble_folder = excluded.last_trouble_folder,
    last_trouble_at = excluded.last_trouble_at,
    notified_at = CASE
        WHEN (s.notified_at IS NULL OR s.notified_at < excluded.last_trouble_at - $7::interval)
            AND (s.connected_at IS NULL OR s.connected_at < excluded.last_trouble_at - interval '10 min')
            THEN excluded.last_trouble_at
        ELSE s.notified_at
    END,
    paused_kind = CASE
        WHEN s.paused_kind IS NOT NULL THEN s.paused_kind
        WHEN s.failures >= cardinality($5::interval[]) THEN $6::jobrunner.mail_pause
    END,
    pause_reason = CASE
        WHEN s.paused_kind IS NOT NULL THEN s.pause_reason
        WHEN s.failures >= cardinality($5::interval[]) AND $6 IS NOT NULL THEN $3
    END,
    paused_at = CASE
        WHEN s.paused_kind IS NOT NULL THEN s.paused_at
        WHEN s.failures >= cardinality($5::interval[]) AND $6 IS NOT NULL THEN excluded.last_trouble_at
    END
RETURNING s.retry_at, s.paused_kind, s.notified_at = s.last_trouble_at AS tell
