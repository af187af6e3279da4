-- Where a mail can be had as it came: $1 its id. A row without an account has nothing but the source that is kept.
SELECT
    e.source_sha256,
    c.account_kind::text AS kind,
    c.account_id,
    c.folder,
    c.uid_validity,
    c.uid
FROM jobrunner.email AS e
LEFT JOIN jobrunner.email_copy AS c ON c.email_id = e.id
WHERE e.id = $1::bigint
ORDER BY c.imported_at DESC, c.account_kind, c.account_id
