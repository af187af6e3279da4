-- Keeps what a message says of an item, and enqueues that it is settled; a message that comes once more says nothing new.
-- $1 token, $2 number of the item, $3 kind, $4 verdict, $5 evidence, $6 enhanced code, $7 diagnostic, $8 key of the item's
-- address, $9 key of the message
WITH added AS (
    INSERT INTO jobrunner.mailing_report AS r (
        token, queue_item_id, kind, verdict, evidence, enhanced_code, diagnostic, address_key, message_key
    )
    VALUES (
        $1::uuid,
        $2::bigint,
        $3::text::jobrunner.mailing_report_kind,
        $4::text::jobrunner.bounce_verdict,
        $5::text,
        left($6::text, 16),
        $7::text,
        $8::text,
        $9::text
    )
    ON CONFLICT (queue_item_id, message_key) DO NOTHING
    RETURNING r.id
)
SELECT jobrunner.enqueue('SettleMailingReport', jsonb_build_object('report_id', a.id)) AS job_id
FROM added AS a
