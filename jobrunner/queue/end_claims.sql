-- Removes claims whose jobs have all ended.
DELETE FROM jobrunner.claim AS c
WHERE c.id = ANY($1::bigint[])
