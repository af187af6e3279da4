-- Has all messages asked for again that could not be fetched; says of which accounts.
UPDATE jobrunner.mail_fetch_failure AS m
SET next_try_at = now()
WHERE m.stage = 'fetch' AND m.email_id IS NULL
RETURNING m.account_kind::text AS kind, m.account_id
