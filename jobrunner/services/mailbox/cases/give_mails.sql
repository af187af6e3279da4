-- User $2, to whom case $1 is assigned, gets its mails.
INSERT INTO jobrunner.email_user AS u (email_id, user_id, is_assigned)
SELECT e.id, $2::text, true
FROM jobrunner.email AS e
WHERE e.parent_type = 'Case' AND e.parent_id = $1::text
ORDER BY e.id
ON CONFLICT (email_id, user_id) DO UPDATE
SET is_assigned = true
