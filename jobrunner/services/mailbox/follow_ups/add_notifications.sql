-- Tells users $2 of mails $1, in pairs, once; returns how many were told. A notification is about what its mail is about,
-- else about the mail itself. Nobody is told of
-- * a mail of ours, or one of their own, which came in from a Sent folder, say;
-- * an old one, as an account brings many of on the day it is added;
-- * any, who ignores the type Email.
-- Nothing that an application has put in place of a function of ours is asked here: it could fail, and cost the mail.
WITH mail AS MATERIALIZED (
    SELECT
        e.id,
        e.from_key,
        coalesce(e.parent_type, 'Email') AS parent_type,
        coalesce(e.parent_id, e.id::text) AS parent_id,
        CASE
            WHEN e.parent_type IS NULL THEN e.subject
            WHEN e.parent_type = 'Account' THEN (SELECT a.name::text FROM jobrunner.account AS a WHERE a.id::text = e.parent_id)
            WHEN e.parent_type = 'Contact' THEN (SELECT c.name::text FROM jobrunner.contact AS c WHERE c.id::text = e.parent_id)
            WHEN e.parent_type = 'Lead' THEN (SELECT l.name::text FROM jobrunner.lead AS l WHERE l.id::text = e.parent_id)
            WHEN e.parent_type = 'Case' THEN (SELECT c.name FROM jobrunner.case_record AS c WHERE c.id = e.parent_id)
        END AS parent_name,
        jsonb_build_object(
            'from', coalesce(s.sender, ''),
            -- Who is among them is not mailed of it. A mail may have thousands, and its users be hundreds.
            'to', to_jsonb(ARRAY(
                SELECT r.address
                FROM jobrunner.email_recipient AS r
                WHERE r.email_id = e.id AND r.role = 'To' AND r.address_key IS NOT NULL
                ORDER BY r.position
                LIMIT 100
            )),
            'cc', to_jsonb(ARRAY(
                SELECT r.address
                FROM jobrunner.email_recipient AS r
                WHERE r.email_id = e.id AND r.role = 'Cc' AND r.address_key IS NOT NULL
                ORDER BY r.position
                LIMIT 100
            )),
            'subject', e.subject
        ) AS data
    FROM jobrunner.email AS e
    LEFT JOIN LATERAL (
        SELECT CASE WHEN r.name = '' THEN r.address ELSE format('%s <%s>', r.name, r.address) END AS sender
        FROM jobrunner.email_recipient AS r
        WHERE r.email_id = e.id AND r.role = 'From'
        ORDER BY r.address_key IS NULL, r.position
        LIMIT 1
    ) AS s ON true
    WHERE e.id = ANY ($1::bigint[])
        AND e.status <> 'Sent'
        AND coalesce(e.delivery_date, e.date_sent) > now() - interval '3 days'
),

told AS (
    INSERT INTO jobrunner.notification (
        user_id, type, data, parent_type, parent_id, parent_name, related_type, related_id
    )
    SELECT g.user_id, 'EmailReceived', m.data, m.parent_type, m.parent_id, m.parent_name, 'Email', m.id::text
    FROM unnest($1, $2::text[]) AS g (email_id, user_id)
    INNER JOIN mail AS m ON m.id = g.email_id
    WHERE NOT EXISTS (
            SELECT
            FROM jobrunner.app_user AS u
            WHERE u.id = g.user_id AND jobrunner.address_key(u.email) = m.from_key
        )
        AND NOT EXISTS (
            SELECT
            FROM jobrunner.email_account AS a
            WHERE a.assigned_user_id = g.user_id AND jobrunner.address_key(a.email_address) = m.from_key
        )
        AND NOT EXISTS (
            SELECT
            FROM jobrunner.notification_preferences AS p
            WHERE p.user_id = g.user_id AND 'Email' = ANY (p.assignment_email_notifications_ignore_entity_type_list)
        )
        AND NOT EXISTS (
            SELECT
            FROM jobrunner.notification AS n
            WHERE n.user_id = g.user_id
                AND n.related_type = 'Email'
                AND n.related_id = m.id::text
                AND n.type = 'EmailReceived'
        )
    ORDER BY m.id, g.user_id
    RETURNING number
)

SELECT count(*) AS told
FROM told
