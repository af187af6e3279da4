-- Lets others watch what the daemon with the token $1 has watched.
DELETE FROM jobrunner.mail_watch AS w
WHERE w.token = $1::bigint
