-- Renews what the daemon with the token $1 watches, gives up what is not to be watched any more, and takes, up to $4
-- accounts in all, those that nobody watches. $2: the daemon's name; $3: how long that holds; $5, $6: kinds and ids of those
-- that it cannot watch.
WITH active AS (
    SELECT 'Personal'::jobrunner.mail_account_kind AS kind, e.id, e.modified_at
    FROM jobrunner.email_account AS e
    JOIN jobrunner.app_user AS u ON u.id = e.assigned_user_id AND u.active
    WHERE e.status = 'Active' AND e.use_imap AND e.idle
    UNION ALL
    SELECT 'Group', i.id, i.modified_at
    FROM jobrunner.inbound_email AS i
    WHERE i.status = 'Active' AND i.use_imap AND i.idle
), watchable AS (
    SELECT active.*
    FROM active
    LEFT JOIN jobrunner.mail_account_state AS s ON s.account_kind = active.kind AND s.account_id = active.id
    WHERE
        s.paused_kind IS NULL
        AND (s.retry_at IS NULL OR s.retry_at <= clock_timestamp())
        AND NOT EXISTS (
            SELECT FROM unnest($5::text[], $6::bigint[]) AS o (kind, id) WHERE o.kind = active.kind::text AND o.id = active.id
        )
), mine AS (
    SELECT
        w.account_kind,
        w.account_id,
        watchable.modified_at,
        watchable.id IS NOT NULL AND row_number() OVER (ORDER BY watchable.id IS NULL, w.account_kind, w.account_id) <= $4::integer AS stays
    FROM jobrunner.mail_watch AS w
    LEFT JOIN watchable ON watchable.kind = w.account_kind AND watchable.id = w.account_id
    WHERE w.token = $1::bigint
), renewed AS (
    UPDATE jobrunner.mail_watch AS w
    SET expires_at = clock_timestamp() + $3::interval
    FROM mine
    WHERE mine.stays AND w.account_kind = mine.account_kind AND w.account_id = mine.account_id AND w.token = $1
    RETURNING w.account_kind, w.account_id, mine.modified_at
), given_up AS (
    DELETE FROM jobrunner.mail_watch AS w
    USING mine
    WHERE NOT mine.stays AND w.account_kind = mine.account_kind AND w.account_id = mine.account_id AND w.token = $1
), taken AS (
    INSERT INTO jobrunner.mail_watch AS w (account_kind, account_id, token, daemon, expires_at)
    SELECT watchable.kind, watchable.id, $1, left($2::text, 255), clock_timestamp() + $3
    FROM watchable
    WHERE NOT EXISTS (
        SELECT
        FROM jobrunner.mail_watch AS o
        WHERE o.account_kind = watchable.kind
            AND o.account_id = watchable.id
            AND (o.token = $1 OR o.expires_at > clock_timestamp())
    )
    ORDER BY watchable.kind, watchable.id
    LIMIT greatest($4 - (SELECT count(*) FROM mine WHERE mine.stays), 0)
    ON CONFLICT (account_kind, account_id) DO UPDATE
    SET
        token = excluded.token,
        daemon = excluded.daemon,
        expires_at = excluded.expires_at
    WHERE w.expires_at <= clock_timestamp()
    RETURNING w.account_kind, w.account_id
)
SELECT renewed.account_kind AS kind, renewed.account_id AS id, renewed.modified_at
FROM renewed
UNION ALL
SELECT taken.account_kind, taken.account_id, watchable.modified_at
FROM taken
JOIN watchable ON watchable.kind = taken.account_kind AND watchable.id = taken.account_id
