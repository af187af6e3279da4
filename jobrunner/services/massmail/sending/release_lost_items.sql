-- Items that were being sent when their sender was lost: its job does not run under that claim any more, or its time is
-- over. Whether the mail server has the mail is not known; what follows is the account's to say. (What was leased and
-- still Pending needs no more than to be claimed.)
WITH lost AS (
    SELECT q.id
    FROM jobrunner.queue_item AS q
    WHERE q.status = 'Sending'
        AND (
            q.sender_until < now()
            OR (
                q.sender_job IS NOT NULL
                AND q.sender_claim IS DISTINCT FROM (
                    SELECT j.claim_id
                    FROM jobrunner.job AS j
                    WHERE j.id = q.sender_job
                )
            )
        )
    ORDER BY q.id
    FOR UPDATE OF q SKIP LOCKED
), judged AS (
    SELECT
        q.id,
        m.campaign_id,
        m.email_template_id,
        CASE
            WHEN p.policy = 'assume_sent' THEN 'Sent'
            WHEN p.policy = 'retry' AND q.doubt_count = 0 AND NOT q.is_test AND m.finished_at IS NULL THEN 'Pending'
            ELSE 'Uncertain'
        END::jobrunner.queue_item_status AS status
    FROM lost AS l
    JOIN jobrunner.queue_item AS q ON q.id = l.id
    JOIN jobrunner.mass_email AS m ON m.id = q.mass_email_id
    LEFT JOIN jobrunner.smtp_account AS a
        ON CASE WHEN m.smtp_account_id IS NULL THEN a.kind = 'System' ELSE a.id = m.smtp_account_id END
    CROSS JOIN LATERAL (SELECT coalesce(a.uncertain_policy, 'hold') AS policy) AS p
), released AS (
    UPDATE jobrunner.queue_item AS q
    SET status = j.status,
        doubt_count = q.doubt_count + 1,
        sent_at = CASE WHEN j.status = 'Sent' THEN now() END,
        finished_at = CASE WHEN j.status <> 'Pending' THEN now() END,
        next_attempt_at = now(),
        reason = CASE j.status
            WHEN 'Pending' THEN 'the sender was lost while it sent; it is sent once more'
            WHEN 'Sent' THEN 'the sender was lost while it sent; it counts as sent'
            ELSE 'the sender was lost while it sent'
        END,
        sender_token = NULL,
        sender_job = NULL,
        sender_claim = NULL,
        sender_until = NULL
    FROM judged AS j
    WHERE q.id = j.id AND q.status = 'Sending'
    RETURNING q.*, j.campaign_id, j.email_template_id
), logged AS (
    INSERT INTO jobrunner.campaign_log AS log (
        campaign_id, mass_email_id, queue_item_id, action, target_type, target_id, is_test, object_type, object_id, string_data
    )
    SELECT
        r.campaign_id,
        r.mass_email_id,
        r.id,
        'Sent',
        r.target_type,
        r.target_id,
        r.is_test,
        'EmailTemplate',
        r.email_template_id::text,
        left(r.email_address, 320)
    FROM released AS r
    WHERE r.campaign_id IS NOT NULL AND r.status = 'Sent'
    ON CONFLICT (queue_item_id, action) WHERE action IN ('Sent', 'Bounced') AND queue_item_id IS NOT NULL DO NOTHING
)
SELECT r.id, r.status::text AS status
FROM released AS r
