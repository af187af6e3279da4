-- Whose address $1 (a key) is, of a mail that is about $2 and $3: a contact and an account, or else a lead.
WITH contact AS (
    SELECT c.id::text AS id, c.account_id::text AS account_id
    FROM jobrunner.contact AS c
    WHERE jobrunner.address_key(c.email) = $1::text AND NOT coalesce(c.deleted, false)
    ORDER BY c.id::text COLLATE "C"
    LIMIT 1
), account AS (
    SELECT a.id::text AS id
    FROM jobrunner.account AS a
    WHERE NOT coalesce(a.deleted, false)
        AND (
            a.id::text = (SELECT c.account_id FROM contact AS c)
            OR ($2::text = 'Account' AND a.id::text = $3::text)
            OR jobrunner.address_key(a.email) = $1
        )
    ORDER BY
        a.id::text IS NOT DISTINCT FROM (SELECT c.account_id FROM contact AS c) DESC,
        ($2 IS NOT DISTINCT FROM 'Account' AND a.id::text = $3) DESC,
        a.id::text COLLATE "C"
    LIMIT 1
), lead AS (
    SELECT l.id::text AS id
    FROM jobrunner.lead AS l
    WHERE jobrunner.address_key(l.email) = $1 AND NOT coalesce(l.deleted, false)
    ORDER BY l.id::text COLLATE "C"
    LIMIT 1
)
SELECT
    (SELECT c.id FROM contact AS c) AS contact_id,
    (SELECT a.id FROM account AS a) AS account_id,
    (
        SELECT l.id
        FROM lead AS l
        WHERE NOT EXISTS (SELECT FROM contact) AND NOT EXISTS (SELECT FROM account)
    ) AS lead_id
