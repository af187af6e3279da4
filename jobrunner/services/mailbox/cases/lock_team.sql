-- One picks at a time from a team; others may put users, accounts and cases into it meanwhile.
SELECT t.id
FROM jobrunner.team AS t
WHERE t.id = $1::text
FOR NO KEY UPDATE
