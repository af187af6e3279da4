-- Gives up what a sender has leased: $1 mass e-mail, $2 the sender's token, $3 those that it leased. What it had marked
-- was not handed over.
WITH given_up AS (
    SELECT q.id
    FROM jobrunner.queue_item AS q
    WHERE q.id = ANY($3::bigint[])
        AND q.mass_email_id = $1::bigint
        AND q.sender_token = $2::bigint
        AND q.status IN ('Pending', 'Sending')
    ORDER BY q.id
    FOR UPDATE
)
UPDATE jobrunner.queue_item AS q
SET status = 'Pending',
    sender_token = NULL,
    sender_job = NULL,
    sender_claim = NULL,
    sender_until = NULL
FROM given_up AS g
WHERE q.id = g.id
RETURNING q.id
