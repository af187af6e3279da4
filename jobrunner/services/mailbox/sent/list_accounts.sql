-- The accounts in whose Sent folder something is due to be stored
SELECT DISTINCT c.account_kind::text AS kind, c.account_id AS id
FROM jobrunner.sent_copy AS c
WHERE c.next_attempt_at <= clock_timestamp()
ORDER BY kind, id
