-- The account ($1, $2) could not be read, for the reason $3, in the folder $4 or NULL. It waits for one of $5 by how often
-- that was so in a row, ±10 %; after the last of them it is paused as $6 says, or goes on with the last where that is NULL.
-- Where that has been so for ten minutes, its owner or the administrators are told, once in $7.
WITH noted AS (
    INSERT INTO jobrunner.mail_account_state AS s (
        account_kind, account_id, failures, failing_since, retry_at, last_trouble, last_trouble_folder, last_trouble_at
    )
    SELECT
        $1::jobrunner.mail_account_kind,
        $2::bigint,
        1,
        clock_timestamp(),
        clock_timestamp() + ($5::interval[])[1] * (0.9 + 0.2 * random()),
        $3::text,
        $4::text,
        clock_timestamp()
    WHERE EXISTS (SELECT FROM jobrunner.email_account AS e WHERE $1 = 'Personal' AND e.id = $2)
        OR EXISTS (SELECT FROM jobrunner.inbound_email AS i WHERE $1 = 'Group' AND i.id = $2)
    ON CONFLICT (account_kind, account_id) DO UPDATE
    SET
        failures = s.failures + 1,
        failing_since = CASE WHEN s.failures = 0 THEN excluded.last_trouble_at ELSE coalesce(s.failing_since, excluded.last_trouble_at) END,
        retry_at = excluded.last_trouble_at
            + ($5::interval[])[least(s.failures + 1, cardinality($5::interval[]))] * (0.9 + 0.2 * random()),
        last_trouble = excluded.last_trouble,
        last_trouble_folder = excluded.last_trouble_folder,
        last_trouble_at = excluded.last_trouble_at,
        notified_at = CASE
            WHEN s.failures > 0
                AND s.failing_since <= excluded.last_trouble_at - interval '10 min'
                AND (s.notified_at IS NULL OR s.notified_at < excluded.last_trouble_at - $7::interval)
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
    RETURNING s.retry_at, s.paused_kind, s.failing_since, s.connected_at, coalesce(s.notified_at = s.last_trouble_at, false) AS tell
),

concerned AS (
    SELECT u.id AS user_id, e.name AS account
    FROM jobrunner.email_account AS e
    INNER JOIN jobrunner.app_user AS u ON u.id = e.assigned_user_id AND u.active
    WHERE $1::jobrunner.mail_account_kind = 'Personal' AND e.id = $2
    UNION ALL
    SELECT u.id, i.name
    FROM jobrunner.inbound_email AS i
    CROSS JOIN jobrunner.app_user AS u
    WHERE $1 = 'Group' AND i.id = $2 AND u.active AND u.id::text IN (SELECT a.id FROM jobrunner.administrators() AS a (id))
),

told AS (
    SELECT
        jobrunner.notify(
            c.user_id::text,
            'EmailAccountTrouble',
            jsonb_build_object(
                'kind', $1::text,
                'account', c.account,
                'reason', $3,
                'folder', $4,
                'since', n.failing_since,
                'connectedAt', n.connected_at,
                'nextTryAt', CASE WHEN n.paused_kind IS NULL THEN n.retry_at END,
                'paused', n.paused_kind IS NOT NULL
            )
        ) AS number
    FROM noted AS n
    CROSS JOIN concerned AS c
    WHERE n.tell
    ORDER BY c.user_id
)

SELECT
    n.retry_at,
    n.paused_kind,
    (SELECT count(t.number) FROM told AS t) AS told
FROM noted AS n
