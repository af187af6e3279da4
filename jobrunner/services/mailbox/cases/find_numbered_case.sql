-- The case of number $1, if whoever has address $2 (a key) may name it: a user, somebody whose address is on a mail of the
-- case, or the contact, account or lead that it is of.
SELECT c.id, c.number, c.name, c.assigned_user_id
FROM jobrunner.case_record AS c
WHERE c.number = $1::bigint
    AND NOT c.deleted
    AND (
        EXISTS (
            SELECT
            FROM jobrunner.app_user AS u
            WHERE jobrunner.address_key(u.email) = $2::text AND coalesce(u.active, true)
        )
        OR EXISTS (
            SELECT
            FROM jobrunner.email AS e
            JOIN jobrunner.email_recipient AS r ON r.email_id = e.id
            WHERE e.parent_type = 'Case' AND e.parent_id = c.id AND r.address_key = $2
        )
        OR EXISTS (SELECT FROM jobrunner.contact AS p WHERE p.id::text = c.contact_id AND jobrunner.address_key(p.email) = $2)
        OR EXISTS (SELECT FROM jobrunner.account AS p WHERE p.id::text = c.account_id AND jobrunner.address_key(p.email) = $2)
        OR EXISTS (SELECT FROM jobrunner.lead AS p WHERE p.id::text = c.lead_id AND jobrunner.address_key(p.email) = $2)
    )
FOR NO KEY UPDATE OF c
