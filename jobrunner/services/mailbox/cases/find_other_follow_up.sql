-- The group account by which mail $1 was put into case $2 before.
SELECT f.inbound_email_id
FROM jobrunner.mail_follow_up AS f
WHERE f.email_id = $1::bigint AND f.case_id = $2::text
