-- Has all messages asked for again that could not be fetched; says of which accounts.
WITH passed_by AS (
    SELECT m.id
    FROM jobrunner.mail_fetch_failure AS m
    WHERE m.stage = 'fetch' AND m.email_id IS NULL
    ORDER BY m.id
    FOR UPDATE
)
UPDATE jobrunner.mail_fetch_failure AS m
SET next_try_at = now()
FROM passed_by AS p
WHERE m.id = p.id
RETURNING m.account_kind::text AS kind, m.account_id
