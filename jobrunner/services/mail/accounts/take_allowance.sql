-- Reserves messages of an account: $1 its key, $2 how many, $3 and $4 the rates a minute and an hour, for 'system'
SELECT t.granted, t.wait, t.held
FROM jobrunner.take_mail_allowance($1, $2, $3, $4) AS t
