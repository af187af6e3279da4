-- $1 name or id of one, or NULL for all.
SELECT
    l.id,
    l.name,
    l.description,
    c.entries AS entry_count,
    c.opted_out AS opted_out_count,
    c.accounts AS account_count,
    c.contacts AS contact_count,
    c.leads AS lead_count,
    c.users AS user_count,
    l.created_at,
    l.created_by
FROM jobrunner.target_list AS l
CROSS JOIN LATERAL (
    SELECT
        count(*) AS entries,
        count(*) FILTER (WHERE m.opted_out) AS opted_out,
        count(*) FILTER (WHERE m.target_type = 'Account') AS accounts,
        count(*) FILTER (WHERE m.target_type = 'Contact') AS contacts,
        count(*) FILTER (WHERE m.target_type = 'Lead') AS leads,
        count(*) FILTER (WHERE m.target_type = 'User') AS users
    FROM jobrunner.target_list_member AS m
    WHERE m.target_list_id = l.id
) AS c
WHERE $1::text IS NULL OR l.name = $1::text OR l.id = CASE WHEN $1::text ~ '^[0-9]{1,18}$' THEN $1::bigint END
ORDER BY l.name
