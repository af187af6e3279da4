-- Mails could not be stored: $1 kind and $2 id of their account, $3 their rows or NULL for all that are due, $4 the reason, $5
-- delays by how often that was so. What has been tried for longer than $6 is given up.
WITH tried AS (
    SELECT c.id
    FROM jobrunner.sent_copy AS c
    WHERE c.account_kind = $1::text::jobrunner.mail_account_kind
        AND c.account_id = $2::bigint
        AND c.next_attempt_at <= clock_timestamp()
        AND ($3::bigint[] IS NULL OR c.id = ANY ($3::bigint[]))
    ORDER BY c.id
    FOR UPDATE
),

given_up AS (
    DELETE FROM jobrunner.sent_copy AS c
    USING tried AS t
    WHERE c.id = t.id AND c.created_at < clock_timestamp() - $6::interval
    RETURNING c.message_id
),

put_off AS (
    UPDATE jobrunner.sent_copy AS c
    SET
        attempt_count = c.attempt_count + 1,
        next_attempt_at = clock_timestamp() + ($5::interval[])[least(c.attempt_count + 1, cardinality($5::interval[]))],
        trouble = $4::text
    FROM tried AS t
    WHERE c.id = t.id AND c.created_at >= clock_timestamp() - $6::interval
    RETURNING c.id
)

SELECT g.message_id
FROM given_up AS g
ORDER BY g.message_id
