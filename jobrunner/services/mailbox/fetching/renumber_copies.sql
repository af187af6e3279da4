-- Where mails of an account are found now: in the folder $3 under UIDVALIDITY $5 with the UIDs $7. Nothing, if the account
-- was reset meanwhile ($4).
UPDATE jobrunner.email_copy AS c
SET folder = $3::text, uid_validity = $5::bigint, uid = g.uid
FROM unnest($6::bigint[], $7::bigint[]) AS g (email_id, uid)
WHERE c.email_id = g.email_id
    AND c.account_kind = $1::jobrunner.mail_account_kind
    AND c.account_id = $2::bigint
    AND (
        EXISTS (SELECT FROM jobrunner.email_account AS e WHERE $1 = 'Personal' AND e.id = $2 AND e.epoch = $4::bigint)
        OR EXISTS (SELECT FROM jobrunner.inbound_email AS i WHERE $1 = 'Group' AND i.id = $2 AND i.epoch = $4)
    )
