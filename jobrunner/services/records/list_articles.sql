-- Articles in the order in which they are shown: $1 one id or NULL for all, $2 a status or NULL, $3 whether deleted ones
-- are meant.
SELECT
    a.id,
    a.name,
    a.status::text AS status,
    a.approved,
    a.language,
    a.type,
    a.publish_date,
    a.expiration_date,
    a.position,
    a.categories,
    a.portals,
    a.description,
    CASE WHEN $1::text IS NULL THEN '' ELSE a.body END AS body,
    a.assigned_user_id,
    a.version,
    a.deleted,
    a.modified_at
FROM jobrunner.article AS a
WHERE ($1::text IS NULL OR a.id = $1)
    AND ($2::text IS NULL OR a.status = $2::text::jobrunner.article_status)
    AND a.deleted = coalesce($3::boolean, a.deleted)
ORDER BY a.position, a.name, a.id
