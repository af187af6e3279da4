-- The group account that takes mails which unsubscribe: one in the domain $1 of the sender, else the first.
SELECT a.email_address
FROM jobrunner.inbound_email AS a
WHERE a.takes_unsubscriptions AND a.status = 'Active' AND a.use_imap
ORDER BY split_part(jobrunner.address_key(a.email_address), '@', 2) <> $1::text, a.id
LIMIT 1
