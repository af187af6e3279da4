-- A file of a mail, and where it can be fetched: a row for each place, the newest first. $1: its id.
SELECT
    a.name,
    a.sha256,
    a.section,
    c.account_kind::text AS kind,
    c.account_id,
    c.folder,
    c.uid_validity,
    c.uid
FROM jobrunner.email_attachment AS a
LEFT JOIN jobrunner.email_copy AS c ON c.email_id = a.email_id
WHERE a.id = $1::bigint
ORDER BY c.imported_at DESC, c.account_kind, c.account_id
