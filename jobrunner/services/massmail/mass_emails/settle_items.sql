-- A person settles what is in doubt of a mass e-mail: $1 id, $2 whether it is sent again rather than counted as sent.
-- Sent again under the same Message-ID, which follows from the token; for that one that is Complete goes on.
WITH mailing AS MATERIALIZED (
    SELECT m.id, m.campaign_id, m.email_template_id
    FROM jobrunner.mass_email AS m
    WHERE m.id = $1::bigint AND (NOT $2::boolean OR m.status IN ('In Process', 'Paused', 'Complete'))
    FOR UPDATE
), doubted AS MATERIALIZED (
    SELECT q.id
    FROM mailing AS m
    JOIN jobrunner.queue_item AS q ON q.mass_email_id = m.id
    WHERE q.status = 'Uncertain' AND NOT q.is_test
    ORDER BY q.id
    FOR UPDATE OF q
), settled AS (
    UPDATE jobrunner.queue_item AS q
    SET status = CASE WHEN $2::boolean THEN 'Pending' ELSE 'Sent' END::jobrunner.queue_item_status,
        sent_at = CASE WHEN NOT $2::boolean THEN q.finished_at END,
        finished_at = CASE WHEN NOT $2::boolean THEN q.finished_at END,
        next_attempt_at = CASE WHEN $2::boolean THEN now() ELSE q.next_attempt_at END,
        reason = CASE WHEN $2::boolean THEN 'it was in doubt and is sent again' ELSE 'it was in doubt and counts as sent' END
    FROM doubted AS d
    WHERE q.id = d.id AND q.status = 'Uncertain'
    RETURNING q.*
), reopened AS (
    UPDATE jobrunner.mass_email AS m
    SET status = 'In Process',
        finished_at = NULL
    WHERE m.id = $1::bigint AND m.status = 'Complete' AND $2::boolean AND EXISTS (SELECT FROM settled AS s)
), logged AS (
    INSERT INTO jobrunner.campaign_log AS log (
        action_date, campaign_id, mass_email_id, queue_item_id, action, target_type, target_id, is_test, object_type, object_id, string_data
    )
    SELECT
        s.sent_at, m.campaign_id, m.id, s.id, 'Sent', s.target_type, s.target_id, s.is_test, 'EmailTemplate', m.email_template_id::text, left(s.email_address, 320)
    FROM settled AS s
    CROSS JOIN mailing AS m
    WHERE m.campaign_id IS NOT NULL AND s.status = 'Sent'
    ORDER BY s.id
    ON CONFLICT (queue_item_id, action) WHERE action IN ('Sent', 'Bounced') AND queue_item_id IS NOT NULL DO NOTHING
), woken AS MATERIALIZED (
    SELECT jobrunner.wake_job('ProcessMassEmail', ARRAY[now()]) AS done
    WHERE $2::boolean AND EXISTS (SELECT FROM settled AS s)
)
SELECT
    (SELECT count(*) FROM mailing AS m) AS mailings,
    (SELECT count(*) FROM settled AS s) AS items,
    (SELECT count(*) FROM woken AS w) AS woken
