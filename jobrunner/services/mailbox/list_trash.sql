-- What lies in a user's trash for longer than $1, of mails that others have outside of theirs.
SELECT t.ctid
FROM jobrunner.email_user AS t
WHERE t.in_trash
    AND t.trashed_at < now() - $1::text::interval
    AND EXISTS (SELECT FROM jobrunner.email_user AS o WHERE o.email_id = t.email_id AND NOT o.in_trash)
ORDER BY t.trashed_at, t.ctid
