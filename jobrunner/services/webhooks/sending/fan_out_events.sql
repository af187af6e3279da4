-- Lays the oldest new events out: a delivery for each webhook that listens. $1 how many events at most. Returns how many
-- there were, and which webhooks got something. One commit, so that one that is cut off has done nothing.
WITH turn AS MATERIALIZED (
    -- One at a time in all daemons: else the later events of two portions might be sent first.
    SELECT pg_try_advisory_xact_lock(5717442301844) AS is_ours
), portion AS MATERIALIZED (
    SELECT e.ctid, e.number, e.event, e.user_id
    FROM jobrunner.webhook_event AS e
    -- What is lost in a crash is done again.
    WHERE e.fanned_out_at IS NULL
        AND set_config('synchronous_commit', 'off', true) IS NOT NULL
        AND (SELECT t.is_ours FROM turn AS t)
    ORDER BY e.number
    LIMIT $1::integer
    FOR UPDATE SKIP LOCKED
), kind AS (
    SELECT p.event, l.pattern
    FROM (SELECT DISTINCT p.event FROM portion AS p) AS p
    CROSS JOIN LATERAL unnest(jobrunner.event_patterns(p.event)) AS l (pattern)
), listener AS MATERIALIZED (
    -- Held, so that none is removed while it gets something.
    SELECT w.id, w.event, w.skip_own, w.owner_id
    FROM jobrunner.webhook AS w
    WHERE w.event = ANY (ARRAY(SELECT k.pattern FROM kind AS k)) AND w.active AND w.health <> 'disabled'
    ORDER BY w.id
    FOR KEY SHARE
), laid_out AS (
    INSERT INTO jobrunner.webhook_delivery AS d (webhook_id, event_number)
    SELECT l.id, p.number
    FROM portion AS p
    JOIN kind AS k ON k.event = p.event
    JOIN listener AS l ON l.event = k.pattern
    WHERE NOT (l.skip_own AND l.owner_id IS NOT DISTINCT FROM p.user_id)
    ON CONFLICT DO NOTHING
    RETURNING d.webhook_id
), stamped AS (
    UPDATE jobrunner.webhook_event AS e
    SET fanned_out_at = now()
    WHERE e.ctid = ANY (ARRAY(SELECT p.ctid FROM portion AS p))
    RETURNING e.number
)
SELECT
    (SELECT count(*) FROM stamped)::integer AS events,
    ARRAY(SELECT DISTINCT l.webhook_id FROM laid_out AS l) AS webhook_ids
