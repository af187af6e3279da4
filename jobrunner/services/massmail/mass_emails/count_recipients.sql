-- About how many will get a mass e-mail ($1) that starts: addresses in its lists, without those that are excluded, invalid,
-- opted out, or, unless it goes to everybody once more ($2), reached. (build_mailing judges each member in its order.)
-- Where the lists have more than $3 members, who is told need not wait: all members but those of excluding lists.
WITH size AS MATERIALIZED (
    SELECT count(*) AS members, count(*) FILTER (WHERE NOT l.excluding) AS listed
    FROM jobrunner.mass_email_list AS l
    JOIN jobrunner.target_list_member AS m ON m.target_list_id = l.target_list_id
    WHERE l.mass_email_id = $1::bigint
), member AS MATERIALIZED (
    SELECT l.excluding, p.address_key, p.email, m.opted_out OR o.address_key IS NOT NULL AS opted_out
    FROM jobrunner.mass_email_list AS l
    JOIN jobrunner.target_list_member AS m ON m.target_list_id = l.target_list_id
    JOIN jobrunner.targets() AS p ON p.target_type = m.target_type AND p.target_id = m.target_id
    LEFT JOIN jobrunner.target_list_opt_out AS o ON o.target_list_id = m.target_list_id AND o.address_key = p.address_key
    WHERE l.mass_email_id = $1::bigint AND p.email IS NOT NULL
), mailing AS MATERIALIZED (
    SELECT m.id, m.generation, coalesce(c.type = 'Informational Email', false) AS is_informational
    FROM jobrunner.mass_email AS m
    LEFT JOIN jobrunner.campaign AS c ON c.id = m.campaign_id
    WHERE m.id = $1::bigint
), judged AS (
    SELECT
        w.address_key,
        NOT w.excluding
            AND w.email !~* '^erased:'
            AND NOT coalesce(e.invalid, false)
            AND (g.is_informational OR NOT (w.opted_out OR coalesce(e.opted_out, jobrunner.starts_opted_out()))) AS wanted,
        w.excluding AS refused
    FROM member AS w
    CROSS JOIN mailing AS g
    LEFT JOIN jobrunner.email_address AS e ON e.key = w.address_key
    UNION ALL
    SELECT q.address_key, false, true
    FROM mailing AS g
    JOIN jobrunner.queue_item AS q ON q.mass_email_id = g.id AND q.generation = g.generation
    WHERE NOT $2::boolean AND q.status IN ('Sent', 'Sending', 'Uncertain') AND NOT q.is_test
    UNION ALL
    SELECT f.address_key, false, true
    FROM mailing AS g
    JOIN jobrunner.former_item AS f ON f.mass_email_id = g.id AND f.generation = g.generation
    WHERE NOT $2::boolean AND f.status IN ('Sent', 'Sending', 'Uncertain') AND NOT f.is_test
), address AS (
    -- Grouped rather than joined: of these sets the planner knows no size.
    SELECT j.address_key
    FROM judged AS j
    GROUP BY j.address_key
    HAVING bool_or(j.wanted) AND NOT bool_or(j.refused)
)
SELECT CASE WHEN s.members > $3::bigint THEN s.listed ELSE (SELECT count(*) FROM address AS a) END AS recipients
FROM size AS s
