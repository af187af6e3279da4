-- Stores hits on the links of mails, each with who made it. A hit is a machine's if it says so ($5), if it comes before
-- the mail was sent or within 10 s of that, or if it is one of three different links of one mail within 2 s; then what was
-- taken for a person's within these 2 s is a machine's, too, and so is what follows within 2 s: whoever fetches all links
-- fetches the image, too. A click by a person is an open by a person, where opens are
-- tracked. Of one item at most 100 hits of each kind are kept, so that nobody fills the log by following a link for ever.
-- It may be run again where its answer was lost: what is stored already is left out by its id, and where the first one is
-- still under way the index of ids makes it wait for that.
-- One element a hit: $1 token of the item, $2 action, $3 tracking URL, $4 age in seconds, $5 machine, $6 user agent,
-- $7 network, $8 id.
WITH hit AS (
    SELECT
        h.id,
        h.place,
        h.action,
        h.tracking_url_id,
        now() - make_interval(secs => h.age) AS at,
        h.is_machine,
        h.user_agent,
        h.network,
        l.queue_item_id,
        (SELECT c.id FROM jobrunner.campaign AS c WHERE c.id = l.campaign_id) AS campaign_id,
        (SELECT m.id FROM jobrunner.mass_email AS m WHERE m.id = l.mass_email_id) AS mass_email_id,
        l.target_type,
        l.target_id,
        l.email_address,
        l.is_test,
        l.sent_at,
        coalesce((SELECT q.status IN ('Pending', 'Sending') FROM jobrunner.queue_item AS q WHERE q.id = l.queue_item_id), false) AS is_under_way
    FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::double precision[], $5::boolean[], $6::text[], $7::text[], $8::uuid[])
        WITH ORDINALITY AS h (token, action, tracking_url_id, age, is_machine, user_agent, network, id, place)
    CROSS JOIN LATERAL jobrunner.find_link(h.token) AS l
    WHERE NOT l.is_informational
        AND NOT EXISTS (SELECT FROM jobrunner.campaign_log AS stored WHERE stored.hit_id = h.id)
        AND (h.tracking_url_id IS NULL OR EXISTS (SELECT FROM jobrunner.tracking_url AS t WHERE t.id = h.tracking_url_id))
), click AS (
    SELECT h.queue_item_id, h.tracking_url_id, h.at
    FROM hit AS h
    WHERE h.action = 'Clicked'
    UNION ALL
    SELECT l.queue_item_id, l.tracking_url_id, l.action_date
    FROM jobrunner.campaign_log AS l
    WHERE l.queue_item_id IN (SELECT h.queue_item_id FROM hit AS h)
        AND l.action = 'Clicked'
        AND l.action_date > (SELECT min(h.at) FROM hit AS h) - interval '4 seconds'
), burst AS (
    SELECT c.queue_item_id, c.at AS ended
    FROM click AS c
    JOIN click AS earlier ON earlier.queue_item_id = c.queue_item_id AND earlier.at BETWEEN c.at - interval '2 seconds' AND c.at
    GROUP BY c.queue_item_id, c.at
    HAVING count(DISTINCT earlier.tracking_url_id) >= 3
), withdrawn AS (
    UPDATE jobrunner.campaign_log AS l
    SET source = 'Machine'
    FROM burst AS b
    WHERE l.queue_item_id = b.queue_item_id
        AND l.action IN ('Opened', 'Clicked')
        AND l.source <> 'Machine'
        AND l.action_date BETWEEN b.ended - interval '2 seconds' AND b.ended
), judged AS (
    SELECT
        h.*,
        row_number() OVER (PARTITION BY h.queue_item_id, h.action ORDER BY h.place) AS nth,
        CASE
            WHEN h.is_machine
                OR h.is_under_way
                OR h.at < h.sent_at + interval '10 seconds'
                OR EXISTS (
                    SELECT
                    FROM burst AS b
                    WHERE b.queue_item_id = h.queue_item_id
                        AND h.at BETWEEN b.ended - interval '2 seconds' AND b.ended + interval '2 seconds'
                )
            THEN 'Machine'
            ELSE 'Human'
        END::jobrunner.hit_source AS source
    FROM hit AS h
), implied AS (
    SELECT DISTINCT ON (j.queue_item_id) j.*
    FROM judged AS j
    WHERE j.action = 'Clicked'
        AND j.source = 'Human'
        AND EXISTS (SELECT FROM jobrunner.setting AS s WHERE s.name = 'mass_email_open_tracking' AND s.value = 'true')
        AND NOT EXISTS (
            SELECT
            FROM judged AS o
            WHERE o.queue_item_id = j.queue_item_id AND o.action = 'Opened' AND o.source = 'Human'
        )
        AND NOT EXISTS (
            SELECT
            FROM jobrunner.campaign_log AS l
            WHERE l.queue_item_id = j.queue_item_id AND l.action = 'Opened' AND l.source = 'Human'
        )
    ORDER BY j.queue_item_id, j.place
), kept AS (
    SELECT j.id, j.place, j.action, j.tracking_url_id, j.at, j.source, j.user_agent, j.network, j.queue_item_id, j.campaign_id, j.mass_email_id, j.target_type, j.target_id, j.email_address, j.is_test
    FROM judged AS j
    WHERE j.nth + (
            SELECT count(*)
            FROM jobrunner.campaign_log AS l
            WHERE l.queue_item_id = j.queue_item_id AND l.action = j.action::jobrunner.campaign_action
        ) <= 100
    UNION ALL
    SELECT i.id, i.place, 'Opened', NULL, i.at, i.source, i.user_agent, i.network, i.queue_item_id, i.campaign_id, i.mass_email_id, i.target_type, i.target_id, i.email_address, i.is_test
    FROM implied AS i
)
INSERT INTO jobrunner.campaign_log AS log (
    action_date, campaign_id, mass_email_id, queue_item_id, tracking_url_id, hit_id, action, source, target_type, target_id, is_test, string_data, user_agent, ip_prefix
)
SELECT
    k.at,
    k.campaign_id,
    k.mass_email_id,
    k.queue_item_id,
    k.tracking_url_id,
    k.id,
    k.action::jobrunner.campaign_action,
    k.source,
    k.target_type,
    k.target_id,
    k.is_test,
    left(k.email_address, 320),
    left(k.user_agent, 500),
    k.network::cidr
FROM kept AS k
WHERE k.campaign_id IS NOT NULL OR k.mass_email_id IS NOT NULL
ORDER BY k.place
ON CONFLICT (hit_id, action) WHERE hit_id IS NOT NULL DO NOTHING
RETURNING log.id
