-- One mail with all that belongs to it: $1 id
SELECT
    e.id,
    e.message_id,
    e.date_sent,
    e.delivery_date,
    e.status::text AS status,
    e.subject,
    e.from_string AS sender,
    e.reply_to_string AS reply_to,
    e.parent_type,
    e.parent_id,
    (SELECT c.number FROM jobrunner.case_record AS c WHERE e.parent_type = 'Case' AND c.id = e.parent_id) AS case_number,
    e.thread_id,
    e.replied_id,
    g.name AS group_folder,
    e.is_auto_reply,
    e.is_automatic,
    e.size,
    e.trouble,
    e.body_plain,
    e.body_html,
    ARRAY(
        SELECT r.address
        FROM jobrunner.email_recipient AS r
        WHERE r.email_id = e.id AND r.role = 'To'
        ORDER BY r.position
    ) AS recipients,
    ARRAY(
        SELECT r.address
        FROM jobrunner.email_recipient AS r
        WHERE r.email_id = e.id AND r.role = 'Cc'
        ORDER BY r.position
    ) AS copies_to,
    ARRAY(SELECT u.user_id FROM jobrunner.email_user AS u WHERE u.email_id = e.id ORDER BY u.user_id) AS users,
    ARRAY(SELECT t.team_id FROM jobrunner.email_team AS t WHERE t.email_id = e.id ORDER BY t.team_id) AS teams,
    ARRAY(
        SELECT concat_ws(
            ' ',
            CASE WHEN c.account_kind = 'Personal' THEN 'email-account' ELSE 'inbound-email' END,
            coalesce(p.name, i.name),
            c.folder,
            c.uid
        )
        FROM jobrunner.email_copy AS c
        LEFT JOIN jobrunner.email_account AS p ON c.account_kind = 'Personal' AND p.id = c.account_id
        LEFT JOIN jobrunner.inbound_email AS i ON c.account_kind = 'Group' AND i.id = c.account_id
        WHERE c.email_id = e.id
        ORDER BY c.imported_at, c.account_kind, c.account_id
    ) AS came_by,
    ARRAY(
        SELECT concat(a.name, ' (', a.content_type, ', ', a.size, CASE WHEN a.sha256 IS NULL THEN ', not fetched' END, ')')
        FROM jobrunner.email_attachment AS a
        WHERE a.email_id = e.id
        ORDER BY a.position
    ) AS attachments,
    ARRAY(
        SELECT concat_ws(
            ', ',
            concat('inbound-email ', i.name, CASE WHEN f.done_at IS NULL THEN ': not yet' END),
            CASE f.case_act
                WHEN 'Opened' THEN 'it opened case '
                WHEN 'Attached' THEN 'it belongs to case '
                WHEN 'Reopened' THEN 'it opened again case '
            END || coalesce(k.number::text, f.case_id),
            CASE f.reply
                WHEN 'Skipped' THEN 'not answered'
                WHEN 'Sent' THEN 'answered to ' || f.recipient
                ELSE 'answer to ' || f.recipient || ' ' || lower(f.reply::text)
            END || coalesce(': ' || f.reply_reason, '')
        )
        FROM jobrunner.mail_follow_up AS f
        JOIN jobrunner.inbound_email AS i ON i.id = f.inbound_email_id
        LEFT JOIN jobrunner.case_record AS k ON k.id = f.case_id
        WHERE f.email_id = e.id
        ORDER BY f.inbound_email_id
    ) AS followed_by
FROM jobrunner.email AS e
LEFT JOIN jobrunner.group_email_folder AS g ON g.id = e.group_folder_id
WHERE e.id = $1::bigint
