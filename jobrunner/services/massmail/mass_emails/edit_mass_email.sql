-- $1 id, $2 the columns that change, as JSON, $3 by whom. Not while it is being sent.
UPDATE jobrunner.mass_email AS m
SET (
    name, start_at, email_template_id, smtp_account_id, from_address, from_name, reply_to_address, reply_to_name,
    store_sent_emails, opt_out_entirely, modified_at, modified_by
) = (
    SELECT
        p.name,
        p.start_at,
        p.email_template_id,
        p.smtp_account_id,
        p.from_address,
        p.from_name,
        p.reply_to_address,
        p.reply_to_name,
        p.store_sent_emails,
        p.opt_out_entirely,
        now(),
        $3::text
    FROM jsonb_populate_record(m, $2::text::jsonb) AS p
)
WHERE m.id = $1::bigint AND m.status <> 'In Process'
RETURNING m.id
