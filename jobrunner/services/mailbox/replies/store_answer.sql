-- Stores an answer that went out as a mail of ours, in the thread of mail $1 that it answers, with its teams and what it is
-- about: $2 Message-ID, $3 subject, $4 text, $5 HTML, $6 digest of the text, $7 sender's address, $8 its key, $9 as it is
-- shown, $10 recipient, $11 its key, $12 what it answers as mails name it. A copy that came in before becomes one of ours.
WITH stored AS (
    INSERT INTO jobrunner.email AS e (
        id, thread_id, date_sent, status, is_auto_reply, is_automatic, message_key, message_ref, message_id, text_digest, subject,
        from_key, from_string, body_plain, body_html, replied_id, parent_type, parent_id, group_folder_id, never_answer
    )
    SELECT
        nextval('jobrunner.email_id_seq'),
        o.thread_id,
        now(),
        'Sent',
        true,
        true,
        $2::text,
        $2,
        $2,
        $6::text,
        $3::text,
        $8::text,
        $9::text,
        $4::text,
        $5::text,
        o.id,
        o.parent_type,
        o.parent_id,
        o.group_folder_id,
        ARRAY['it is a mail of our own']
    FROM jobrunner.email AS o
    WHERE o.id = $1::bigint
    ON CONFLICT (message_key) DO UPDATE
    SET status = 'Sent'
    RETURNING e.id, e.xmax = 0 AS is_new
), recipients AS (
    INSERT INTO jobrunner.email_recipient (email_id, role, position, address_key, address)
    SELECT s.id, r.role::jobrunner.email_role, 0, r.key, r.address
    FROM stored AS s
    CROSS JOIN (VALUES ('From', $8, $7::text), ('To', $11::text, $10::text)) AS r (role, key, address)
    WHERE s.is_new
), referred AS (
    INSERT INTO jobrunner.email_reference (email_id, position, message_ref)
    SELECT s.id, r.place - 1, r.ref
    FROM stored AS s
    CROSS JOIN unnest($12::text[]) WITH ORDINALITY AS r (ref, place)
    WHERE s.is_new
), teams AS (
    INSERT INTO jobrunner.email_team (email_id, team_id)
    SELECT s.id, t.team_id
    FROM stored AS s
    JOIN jobrunner.email_team AS t ON t.email_id = $1
    ON CONFLICT (email_id, team_id) DO NOTHING
)
SELECT s.id
FROM stored AS s
