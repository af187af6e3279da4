-- In the order of keys, so that two who import the same mails wait for one another and do not deadlock. A mail that is
-- there already is left out.
WITH given AS (
    SELECT nextval('jobrunner.email_id_seq') AS id, g.*
    FROM jsonb_to_recordset($1::text::jsonb) AS g (
        date_sent timestamptz,
        delivery_date timestamptz,
        size bigint,
        is_auto_reply boolean,
        is_automatic boolean,
        has_attachments boolean,
        group_folder_id bigint,
        message_key text,
        message_ref text,
        message_id text,
        text_digest text,
        subject text,
        from_key text,
        from_string text,
        reply_to_string text,
        return_path text,
        never_answer text[],
        date_header text,
        body_plain text,
        body_html text,
        ics text,
        header text,
        trouble text,
        source_sha256 text
    )
)
INSERT INTO jobrunner.email (
    id, thread_id, date_sent, delivery_date, size, is_auto_reply, is_automatic, has_attachments, group_folder_id,
    message_key, message_ref, message_id, text_digest, subject, from_key, from_string, reply_to_string, return_path,
    never_answer, date_header, body_plain, body_html, ics, header, trouble, source_sha256
)
SELECT
    g.id, g.id, g.date_sent, g.delivery_date, g.size, g.is_auto_reply, g.is_automatic, g.has_attachments,
    g.group_folder_id, g.message_key, g.message_ref, g.message_id, g.text_digest, g.subject, g.from_key, g.from_string,
    g.reply_to_string, g.return_path, g.never_answer, g.date_header, g.body_plain, g.body_html, g.ics, g.header,
    g.trouble, decode(g.source_sha256, 'hex')
FROM given AS g
ORDER BY g.message_key COLLATE "C"
ON CONFLICT (message_key) DO NOTHING
RETURNING id, message_key
