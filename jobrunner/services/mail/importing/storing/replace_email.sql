-- What was read of a mail at last. What was known of it before (addresses, the source as a file) goes, its failure too.
WITH given AS (
    SELECT g.*
    FROM jsonb_to_recordset($2::text::jsonb) AS g (
        date_sent timestamptz,
        is_auto_reply boolean,
        is_automatic boolean,
        has_attachments boolean,
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
        header text
    )
),

replaced AS (
    UPDATE jobrunner.email AS e
    SET
        date_sent = g.date_sent,
        is_auto_reply = g.is_auto_reply,
        is_automatic = g.is_automatic,
        has_attachments = g.has_attachments,
        text_digest = g.text_digest,
        subject = g.subject,
        from_key = g.from_key,
        from_string = g.from_string,
        reply_to_string = g.reply_to_string,
        return_path = g.return_path,
        never_answer = g.never_answer,
        date_header = g.date_header,
        body_plain = g.body_plain,
        body_html = g.body_html,
        ics = g.ics,
        header = g.header,
        trouble = NULL,
        source_sha256 = NULL
    FROM given AS g
    WHERE e.id = $1::bigint AND e.trouble IS NOT NULL
    RETURNING e.id
),

recipients AS (
    DELETE FROM jobrunner.email_recipient AS r
    USING replaced AS e
    WHERE r.email_id = e.id
),

files AS (
    DELETE FROM jobrunner.email_attachment AS a
    USING replaced AS e
    WHERE a.email_id = e.id
),

former_references AS (
    DELETE FROM jobrunner.email_reference AS r
    USING replaced AS e
    WHERE r.email_id = e.id
),

failures AS (
    DELETE FROM jobrunner.mail_fetch_failure AS f
    USING replaced AS e
    WHERE f.email_id = e.id
)

SELECT e.id
FROM replaced AS e
