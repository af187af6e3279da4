-- What is known of case $1 (a number) beside what a list shows
SELECT
    c.description,
    i.name AS inbound_email,
    c.account_id,
    a.name::text AS account,
    c.contact_id,
    p.name::text AS contact,
    c.lead_id,
    l.name::text AS lead,
    ARRAY(
        SELECT concat(f.name, ' (', f.content_type, ', ', f.size, ')')
        FROM jobrunner.case_attachment AS f
        WHERE f.case_id = c.id
        ORDER BY f.position
    ) AS attachments
FROM jobrunner.case_record AS c
LEFT JOIN jobrunner.inbound_email AS i ON i.id = c.inbound_email_id
LEFT JOIN jobrunner.account AS a ON a.id::text = c.account_id
LEFT JOIN jobrunner.contact AS p ON p.id::text = c.contact_id
LEFT JOIN jobrunner.lead AS l ON l.id::text = c.lead_id
WHERE c.number = $1::bigint AND NOT c.deleted
