-- Leases items of a mass e-mail that are due to a sender, still Pending, with all that their mails say, as many as the
-- account may send. The first row says what it may, also where there is no item.
-- $1 mass e-mail, $2 the sender's token, $3 its job or NULL, $4 for how long, $5 how many, $6 the account's key, $7 and $8
-- the rates of the account of the configuration, $9 and $10 moment and id after which to go on (what was sent before
-- leaves dead entries in the index), $11 whether the list of each is wanted.
WITH allowance AS MATERIALIZED (
    SELECT a.granted, a.wait, a.held
    FROM jobrunner.take_mail_allowance($6::text, $5::integer, $7::integer, $8::integer) AS a
    -- A lost lease is no loss.
    WHERE set_config('synchronous_commit', 'off', true) IS NOT NULL
), next AS MATERIALIZED (
    SELECT q.id
    FROM jobrunner.queue_item AS q
    WHERE q.mass_email_id = $1::bigint
        AND q.status = 'Pending'
        AND NOT q.is_test
        AND q.next_attempt_at <= now()
        AND (q.next_attempt_at, q.id) > ($9::timestamptz, $10::bigint)
        -- Free, or its sender is lost.
        AND CASE
            WHEN q.sender_token IS NULL OR q.sender_until < now() THEN true
            WHEN q.sender_job IS NULL THEN false
            ELSE q.sender_claim IS DISTINCT FROM (
                SELECT j.claim_id
                FROM jobrunner.job AS j
                WHERE j.id = q.sender_job
            )
        END
    ORDER BY q.next_attempt_at, q.id
    LIMIT (SELECT a.granted FROM allowance AS a)
    FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE jobrunner.queue_item AS q
    SET sender_token = $2::bigint,
        sender_job = sender.id,
        sender_claim = sender.claim_id,
        sender_until = now() + $4::interval
    FROM next AS n
    LEFT JOIN jobrunner.job AS sender ON sender.id = $3::bigint AND sender.status = 'Running'
    WHERE q.id = n.id
    RETURNING q.*
)
SELECT
    a.granted,
    a.wait,
    a.held,
    l.id,
    l.token,
    l.next_attempt_at,
    l.attempt_count,
    l.doubt_count,
    l.break_count,
    l.email_address,
    l.address_key,
    l.target_type::text AS target_type,
    l.target_id,
    t.name,
    t.first_name,
    t.last_name,
    t.email,
    t.address_key AS target_key,
    t.language,
    t.account_name,
    t.fields::text AS fields,
    linked.name::text AS linked_name,
    linked.email::text AS linked_email,
    CASE
        WHEN $11::boolean THEN (
            SELECT m.target_list_id
            FROM jobrunner.mass_email_list AS m
            JOIN jobrunner.target_list_member AS b ON b.target_list_id = m.target_list_id
            WHERE m.mass_email_id = l.mass_email_id
                AND NOT m.excluding
                AND b.target_type = l.target_type
                AND b.target_id = l.target_id
            ORDER BY m.position, m.target_list_id
            LIMIT 1
        )
    END AS target_list_id
FROM allowance AS a
LEFT JOIN leased AS l ON true
LEFT JOIN LATERAL (
    SELECT p.name, p.first_name, p.last_name, p.email, p.address_key, p.language, p.account_id, p.account_name, p.fields
    FROM jobrunner.targets() AS p
    WHERE p.target_type = l.target_type AND p.target_id = l.target_id
    LIMIT 1  -- one look by key for each, never a join with everybody
) AS t ON true
LEFT JOIN jobrunner.account AS linked ON linked.id::text = t.account_id
ORDER BY l.next_attempt_at, l.id
