-- Mass e-mails that are being sent, in the order of their start; those whose campaign holds them back are left out.
SELECT m.id, coalesce(m.smtp_account_id::text, 'system') AS account
FROM jobrunner.mass_email AS m
LEFT JOIN jobrunner.campaign AS c ON c.id = m.campaign_id
WHERE m.status = 'In Process' AND c.status IS DISTINCT FROM 'Inactive'
ORDER BY m.start_at, m.id
