-- Reserves messages for receiving domains: $1 the account's key, $2 domains, $3 how many for each, $4 and $5 rates
SELECT t.domain, t.granted, t.wait
FROM jobrunner.take_domain_allowances($1, $2, $3, $4, $5) AS t
