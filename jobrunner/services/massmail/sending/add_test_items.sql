-- Adds items of test mails, leased to their sender: $1 mass e-mail, $2 the sender's token, $3 for how long; $4 and $5
-- targets, $6 addresses.
INSERT INTO jobrunner.queue_item AS q (
    mass_email_id, generation, target_type, target_id, email_address, address_key, is_test, sender_token, sender_until
)
SELECT
    m.id,
    m.generation,
    w.target_type::jobrunner.target_type,
    w.target_id,
    w.address,
    jobrunner.address_key(w.address),
    true,
    $2::bigint,
    now() + $3::interval
FROM jobrunner.mass_email AS m
CROSS JOIN unnest($4::text[], $5::text[], $6::text[]) WITH ORDINALITY AS w (target_type, target_id, address, place)
WHERE m.id = $1::bigint
ORDER BY w.place
RETURNING q.id, q.token, q.next_attempt_at, q.email_address, q.address_key, q.target_type::text AS target_type, q.target_id
