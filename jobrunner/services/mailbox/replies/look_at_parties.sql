-- Whether mail $1 is from one of ours, judged by addresses $2, and whether it is to one of the addresses $3 of the account.
-- A detail (ann+x@…) makes no difference.
SELECT
    coalesce((
        SELECT bool_or(jobrunner.is_own_address(k.key) OR jobrunner.is_own_address(regexp_replace(k.key, '\+[^@]*@', '@')))
        FROM (SELECT jobrunner.address_key(a.address) AS key FROM unnest($2::text[]) AS a (address)) AS k
    ), false) AS is_from_us,
    EXISTS (
        SELECT
        FROM jobrunner.email_recipient AS r
        JOIN unnest($3::text[]) AS a (address)
            ON regexp_replace(r.address_key, '\+[^@]*@', '@') = regexp_replace(jobrunner.address_key(a.address), '\+[^@]*@', '@')
        WHERE r.email_id = $1::bigint AND r.role IN ('To', 'Cc')
    ) AS is_to_us
