-- User $1, if active
SELECT u.id::text AS user_id
FROM jobrunner.app_user AS u
WHERE u.id = $1::text AND coalesce(u.active, true)
