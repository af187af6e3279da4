-- Skips what has come to be excluded since the queue was built, by target or by address: $1 mass e-mail. What is leased is
-- looked at when it is marked.
WITH excluded_target AS MATERIALIZED (
    SELECT DISTINCT m.target_type, m.target_id
    FROM jobrunner.mass_email_list AS l
    JOIN jobrunner.target_list_member AS m ON m.target_list_id = l.target_list_id
    WHERE l.mass_email_id = $1::bigint AND l.excluding
), excluded_address AS MATERIALIZED (
    SELECT DISTINCT t.address_key
    FROM excluded_target AS x
    JOIN jobrunner.targets() AS t ON t.target_type = x.target_type AND t.target_id = x.target_id
    WHERE t.address_key IS NOT NULL
), excluded_item AS (
    SELECT q.id
    FROM jobrunner.queue_item AS q
    WHERE q.mass_email_id = $1::bigint
        AND q.status = 'Pending'
        AND NOT q.is_test
        AND q.sender_token IS NULL
        AND (
            EXISTS (
                SELECT
                FROM excluded_target AS x
                WHERE x.target_type = q.target_type AND x.target_id = q.target_id
            )
            OR q.address_key IN (SELECT a.address_key FROM excluded_address AS a)
        )
    ORDER BY q.id
    FOR UPDATE SKIP LOCKED
)
UPDATE jobrunner.queue_item AS q
SET status = 'Skipped',
    finished_at = now(),
    reason = 'excluded'
FROM excluded_item AS x
WHERE q.id = x.id AND q.status = 'Pending' AND q.sender_token IS NULL
RETURNING q.id
