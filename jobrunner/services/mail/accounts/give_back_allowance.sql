-- Returns what was reserved and not used: $1 the account's key, $2 '' or the receiving domain, $3 how many. What is
-- more than the bucket holds is cut off when it is next taken from.
UPDATE jobrunner.mail_rate AS r
SET minute_tokens = r.minute_tokens + $3::integer,
    hour_tokens = r.hour_tokens + $3::integer,
    counted = greatest(0, r.counted - $3::integer)
WHERE r.account = $1
    AND r.scope = $2
