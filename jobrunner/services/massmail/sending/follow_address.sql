-- A target has another address by now, and its item follows: $1 item, $2 the sender's token, $3 address. Where another
-- item of the mailing has that address, this one is Skipped.
WITH twin AS (
    SELECT EXISTS (
        SELECT
        FROM jobrunner.queue_item AS q
        JOIN jobrunner.queue_item AS o
            ON o.mass_email_id = q.mass_email_id
            AND o.generation = q.generation
            AND o.address_key = jobrunner.address_key($3::text)
            AND NOT o.is_test
        WHERE q.id = $1::bigint
    ) AS is_there
)
UPDATE jobrunner.queue_item AS q
SET status = CASE WHEN t.is_there THEN 'Skipped' ELSE 'Pending' END::jobrunner.queue_item_status,
    finished_at = CASE WHEN t.is_there THEN now() END,
    reason = CASE WHEN t.is_there THEN 'the new address of the target gets it already' END,
    email_address = CASE WHEN t.is_there THEN q.email_address ELSE $3::text END,
    address_key = CASE WHEN t.is_there THEN q.address_key ELSE jobrunner.address_key($3::text) END,
    sender_token = NULL,
    sender_job = NULL,
    sender_claim = NULL,
    sender_until = NULL
FROM twin AS t
WHERE q.id = $1::bigint AND q.sender_token = $2::bigint AND q.status = 'Pending'
RETURNING q.status::text AS status
