-- Stores what became of some mails, and marks which ones go next: one statement, one commit, after which those may go.
-- $1 mass e-mail, $2 the sender's token, $3 for how long it has what it marks; the results: $4 ids, $5 states, $6 delays
-- of the next attempt or NULL, $7 whether the attempt counts, $8 is in doubt, $9 broke off, $10 codes, $11 enhanced codes,
-- $12 replies, $13 reasons, $14 Hard, Soft or NULL; what is to go: $15 ids, $16 the domain of their Message-IDs, $17
-- whether it is informational, $18 whether there are excluding lists, $19 whether these are tests, $20 how many of them may
-- go or NULL for all.
--
-- Rows are changed under the sender's token only, so it may be run again where its answer was lost. Each look at
-- queue_item names the ids as an array, too: a plan that was made while the table was small joins by reading all of it.
-- It is run for each mail or few, so each table is looked at once: half of its time goes into setting out.
WITH locked AS MATERIALIZED (
    -- In the order in which all lock items, whatever the order of the joins below.
    SELECT q.id, q.mass_email_id, q.target_type, q.target_id, q.address_key
    FROM jobrunner.queue_item AS q
    WHERE q.id = ANY ($4::bigint[] || $15::bigint[]) AND q.sender_token = $2::bigint AND q.status IN ('Pending', 'Sending')
    ORDER BY q.id
    FOR UPDATE
), mailing AS MATERIALIZED (
    SELECT
        m.id,
        m.campaign_id,
        m.email_template_id,
        $19::boolean OR (m.status = 'In Process' AND c.status IS DISTINCT FROM 'Inactive') AS goes_on
    FROM jobrunner.mass_email AS m
    LEFT JOIN jobrunner.campaign AS c ON c.id = m.campaign_id
    WHERE m.id = $1::bigint
), settled AS (
    UPDATE jobrunner.queue_item AS q
    SET status = r.status::jobrunner.queue_item_status,
        sent_at = CASE WHEN r.status = 'Sent' THEN now() END,
        finished_at = CASE WHEN r.status <> 'Pending' THEN now() END,
        next_attempt_at = CASE WHEN r.status = 'Pending' AND r.delay IS NOT NULL THEN now() + r.delay ELSE q.next_attempt_at END,
        attempt_count = least(q.attempt_count + r.is_charged::integer, 32767),
        doubt_count = q.doubt_count + r.is_in_doubt::integer,
        break_count = CASE WHEN r.broke_off THEN least(q.break_count + 1, 32767) ELSE 0 END,
        code = r.code,
        enhanced_code = r.enhanced_code,
        reply = r.reply,
        reason = r.reason,
        sender_token = NULL,
        sender_job = NULL,
        sender_claim = NULL,
        sender_until = NULL
    FROM unnest(
        $4::bigint[], $5::text[], $6::interval[], $7::boolean[], $8::boolean[], $9::boolean[], $10::smallint[], $11::text[], $12::text[], $13::text[], $14::text[]
    ) AS r (id, status, delay, is_charged, is_in_doubt, broke_off, code, enhanced_code, reply, reason, bounce)
    JOIN locked AS k ON k.id = r.id
    WHERE q.id = r.id AND q.id = ANY ($4::bigint[]) AND q.sender_token = $2::bigint AND q.status IN ('Pending', 'Sending')
    RETURNING q.id, q.status, q.target_type, q.target_id, q.email_address, q.address_key, q.is_test, r.bounce, r.reason
), logged AS (
    INSERT INTO jobrunner.campaign_log AS log (
        campaign_id, mass_email_id, queue_item_id, action, target_type, target_id, is_test, object_type, object_id, string_data, string_additional_data
    )
    SELECT
        m.campaign_id,
        m.id,
        s.id,
        CASE WHEN s.status = 'Sent' THEN 'Sent' ELSE 'Bounced' END::jobrunner.campaign_action,
        s.target_type,
        s.target_id,
        s.is_test,
        CASE WHEN s.status = 'Sent' THEN 'EmailTemplate' END,
        CASE WHEN s.status = 'Sent' THEN m.email_template_id::text END,
        left(s.email_address, 320),
        s.bounce
    FROM settled AS s
    CROSS JOIN mailing AS m
    WHERE m.campaign_id IS NOT NULL AND (s.status = 'Sent' OR s.bounce IS NOT NULL)
    ON CONFLICT (queue_item_id, action) WHERE action IN ('Sent', 'Bounced') AND queue_item_id IS NOT NULL DO NOTHING
), judged AS MATERIALIZED (  -- its reasons are read more than once
    -- What may have changed since its queue was built. Where the address is another one by now, the item is not marked.
    SELECT
        k.id,
        w.place,
        CASE
            WHEN t.target_id IS NULL THEN CASE WHEN $19::boolean THEN NULL ELSE 'the target is gone' END
            WHEN t.email IS NULL THEN CASE WHEN $19::boolean THEN NULL ELSE 'the target has no address' END
            WHEN t.email ~* '^erased:' THEN 'the target is erased'
            WHEN e.invalid THEN 'the address is invalid'
            WHEN $19::boolean OR ($17::boolean AND NOT $18::boolean) THEN NULL
            WHEN NOT $17::boolean AND coalesce(e.opted_out, jobrunner.starts_opted_out()) THEN 'opted out of all mass mail'
            -- Of each list that it is on, or was; who has opted out of one gets it by another.
            ELSE (
                SELECT CASE
                    WHEN NOT $17::boolean AND bool_and(coalesce(b.opted_out, true) OR o.address_key IS NOT NULL) FILTER (WHERE NOT l.excluding)
                        THEN 'opted out of the list'
                    WHEN bool_or(l.excluding AND b.target_id IS NOT NULL) THEN 'excluded'
                    END
                FROM jobrunner.mass_email_list AS l
                LEFT JOIN jobrunner.target_list_member AS b
                    ON b.target_list_id = l.target_list_id AND b.target_type = k.target_type AND b.target_id = k.target_id
                LEFT JOIN jobrunner.target_list_opt_out AS o
                    ON o.target_list_id = l.target_list_id AND o.address_key = k.address_key
                WHERE l.mass_email_id = k.mass_email_id
                    AND (b.target_id IS NOT NULL OR o.address_key IS NOT NULL)
            )
        END AS reason
    FROM unnest($15::bigint[]) WITH ORDINALITY AS w (id, place)
    JOIN locked AS k ON k.id = w.id
    LEFT JOIN LATERAL (
        SELECT p.target_id, p.email, p.address_key
        FROM jobrunner.targets() AS p
        WHERE p.target_type = k.target_type AND p.target_id = k.target_id
        LIMIT 1  -- one look by key for each, never a join with everybody
    ) AS t ON true
    LEFT JOIN jobrunner.email_address AS e ON e.key = k.address_key
    WHERE ($19::boolean OR t.email IS NULL OR t.address_key = k.address_key OR t.email ~* '^erased:')
), counted AS (
    SELECT
        j.id,
        j.reason,
        row_number() OVER (PARTITION BY j.reason IS NULL ORDER BY j.place) AS place
    FROM judged AS j
), marked AS (
    UPDATE jobrunner.queue_item AS q
    SET status = CASE WHEN c.reason IS NULL THEN 'Sending' ELSE 'Skipped' END::jobrunner.queue_item_status,
        reason = c.reason,
        finished_at = CASE WHEN c.reason IS NOT NULL THEN now() END,
        message_id = '<' || replace(q.token::text, '-', '') || '@' || $16::text || '>',
        sender_token = CASE WHEN c.reason IS NULL THEN q.sender_token END,
        sender_job = CASE WHEN c.reason IS NULL THEN q.sender_job END,
        sender_claim = CASE WHEN c.reason IS NULL THEN q.sender_claim END,
        sender_until = CASE WHEN c.reason IS NULL THEN now() + $3::interval END
    FROM counted AS c
    CROSS JOIN mailing AS m
    WHERE q.id = c.id
        AND q.id = ANY ($15::bigint[])
        AND q.sender_token = $2::bigint
        AND q.status IN ('Pending', 'Sending')
        AND m.goes_on
        AND (c.reason IS NOT NULL OR $20::bigint IS NULL OR c.place <= $20::bigint)
    RETURNING q.id, q.reason
)
SELECT
    coalesce((SELECT m.goes_on FROM mailing AS m), false) AS goes_on,
    ARRAY(SELECT s.id FROM settled AS s) AS settled,
    ARRAY(SELECT k.id FROM marked AS k WHERE k.reason IS NULL) AS going,
    ARRAY(SELECT k.id FROM marked AS k WHERE k.reason IS NOT NULL) AS skipped,
    (
        SELECT jobrunner.invalidate_addresses(array_agg(s.address_key), array_agg(s.reason))
        FROM settled AS s
        WHERE s.bounce = 'Hard'
        HAVING count(*) > 0
    ) AS invalidated
