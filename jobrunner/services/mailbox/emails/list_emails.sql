-- Mails, the newest first: of the user $1, through the account $2 and $3, from the address $4, with $5 in the subject,
-- only those that could not be read ($6), below the id $7; $8 at most. NULL is for all.
SELECT
    e.id,
    e.date_sent,
    e.from_string AS sender,
    e.subject,
    e.status::text AS status,
    e.has_attachments,
    e.thread_id,
    e.parent_type,
    e.parent_id,
    e.size,
    e.trouble
FROM jobrunner.email AS e
WHERE ($1::text IS NULL OR EXISTS (SELECT FROM jobrunner.email_user AS u WHERE u.email_id = e.id AND u.user_id = $1))
    AND (
        $3::bigint IS NULL
        OR EXISTS (
            SELECT
            FROM jobrunner.email_copy AS c
            WHERE c.email_id = e.id
                AND c.account_kind = $2::text::jobrunner.mail_account_kind
                AND c.account_id = $3
        )
    )
    AND ($4::text IS NULL OR e.from_key = jobrunner.address_key($4))
    AND ($5::text IS NULL OR strpos(lower(e.subject), lower($5)) > 0)
    AND (NOT $6::boolean OR e.trouble IS NOT NULL)
    AND ($7::bigint IS NULL OR e.id < $7)
ORDER BY e.id DESC
LIMIT $8::integer
