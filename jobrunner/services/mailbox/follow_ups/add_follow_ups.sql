-- Enqueues what follows from mails $2 of group account $1, where that does anything with its mail; once for each.
WITH added AS (
    INSERT INTO jobrunner.mail_follow_up AS f (email_id, inbound_email_id)
    SELECT g.email_id, a.id
    FROM unnest($2::bigint[]) AS g (email_id)
    JOIN jobrunner.inbound_email AS a ON a.id = $1::bigint AND (a.create_case OR a.reply)
    ORDER BY g.email_id
    ON CONFLICT (email_id, inbound_email_id) DO NOTHING
    RETURNING f.email_id, f.inbound_email_id
)
SELECT jobrunner.enqueue(
    'FollowUpMail',
    jsonb_build_object('email_id', d.email_id, 'inbound_email_id', d.inbound_email_id),
    target_type => 'InboundEmail',
    target_id => d.inbound_email_id::text
) AS job_id
FROM added AS d
