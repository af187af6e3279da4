-- Marks an article as deleted, or restores it: $1 id, $2 whether it is deleted, $3 who does it.
WITH changed AS (
    UPDATE jobrunner.article AS a
    SET deleted = $2::boolean, version = a.version + 1, modified_at = now()
    WHERE a.id = $1::text AND a.deleted <> $2::boolean
    RETURNING a.id, a.name, a.status
)
SELECT
    c.id,
    jobrunner.emit(
        CASE WHEN $2::boolean THEN 'KnowledgeBaseArticle.delete' ELSE 'KnowledgeBaseArticle.create' END,
        jsonb_build_object('id', c.id, 'name', c.name, 'status', c.status),
        'KnowledgeBaseArticle',
        c.id,
        left($3::text, 64)
    ) AS event
FROM changed AS c
