-- Takes the oldest due answer of account $1, with all that it says: $2 the sender's token, $3 its job or NULL, $4 for how long
WITH next AS (
    SELECT f.email_id
    FROM jobrunner.mail_follow_up AS f
    WHERE f.inbound_email_id = $1::bigint AND f.reply = 'Waiting' AND f.next_attempt_at <= now()
    ORDER BY f.next_attempt_at, f.email_id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE jobrunner.mail_follow_up AS f
    SET reply = 'Sending',
        sender_token = $2::bigint,
        sender_job = sender.id,
        sender_claim = sender.claim_id,
        sender_until = now() + $4::interval
    FROM next
    LEFT JOIN jobrunner.job AS sender ON sender.id = $3::bigint AND sender.status = 'Running'
    WHERE f.email_id = next.email_id AND f.inbound_email_id = $1::bigint
    RETURNING f.*
)
SELECT
    t.email_id,
    t.attempt_count,
    t.doubt_count,
    t.recipient,
    t.message_id AS former_message_id,
    now() AS now,
    jsonb_build_object(
        'subject', e.subject,
        'message_id', e.message_id,
        'from_name', s.name,
        'from_address', s.address,
        'date_sent', e.date_sent,
        'parent_type', e.parent_type,
        'parent_id', e.parent_id,
        'references', ARRAY(
            SELECT r.message_ref
            FROM jobrunner.email_reference AS r
            WHERE r.email_id = e.id
            ORDER BY r.position DESC
        )
    )::text AS email,
    CASE
        WHEN t.case_act = 'Opened' AND c.id IS NOT NULL
            THEN jsonb_build_object('id', c.id, 'number', c.number, 'name', c.name, 'status', c.status)
    END::text AS "case",
    (
        SELECT jsonb_build_object(
            'type', p.target_type,
            'name', p.name,
            'first_name', p.first_name,
            'last_name', p.last_name,
            'email', p.email,
            'language', p.language,
            'account_name', coalesce(a.name, p.account_name),
            'account', jsonb_build_object('name', coalesce(a.name, p.account_name), 'email', a.email),
            'fields', p.fields
        )
        FROM jobrunner.targets() AS p
        LEFT JOIN jobrunner.account AS a ON a.id::text = p.account_id
        -- Whoever writes in another's name has the answer come to an address of their own: it must not tell them of the other.
        WHERE p.address_key = e.from_key
            AND jobrunner.address_key(t.recipient) = e.from_key
            AND p.target_type <> 'User'
        ORDER BY p.target_type <> 'Contact', p.target_type <> 'Lead', p.target_id COLLATE "C"
        LIMIT 1
    )::text AS person,
    CASE
        WHEN u.id IS NOT NULL THEN jsonb_build_object('name', u.name, 'email', u.email)
    END::text AS "user"
FROM taken AS t
JOIN jobrunner.email AS e ON e.id = t.email_id
LEFT JOIN LATERAL (
    SELECT r.name, r.address
    FROM jobrunner.email_recipient AS r
    WHERE r.email_id = e.id AND r.role = 'From'
    ORDER BY r.address_key IS NULL, r.position
    LIMIT 1
) AS s ON true
LEFT JOIN jobrunner.case_record AS c ON c.id = t.case_id
LEFT JOIN jobrunner.app_user AS u ON u.id::text = c.assigned_user_id
