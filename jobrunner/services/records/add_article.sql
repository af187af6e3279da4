-- Adds an article with the first line of its history, and tells who listens: $1 id or NULL for the next number, $2 its
-- values, $3 who adds it.
WITH added AS (
    INSERT INTO jobrunner.article AS a (
        id, name, status, approved, language, type, publish_date, expiration_date, position, categories, portals,
        description, body, assigned_user_id
    )
    SELECT
        coalesce($1::text, nextval('jobrunner.record_id')::text),
        v.name, v.status, v.approved, v.language, v.type, v.publish_date, v.expiration_date, v.position, v.categories,
        v.portals, v.description, v.body, v.assigned_user_id
    FROM jsonb_populate_record(NULL::jobrunner.article, $2::text::jsonb) AS v
    RETURNING a.id, a.name, a.status
), noted AS (
    INSERT INTO jobrunner.article_history (article_id, new_status, changed_by)
    SELECT a.id, a.status, $3::text
    FROM added AS a
)
SELECT
    a.id,
    jobrunner.emit(
        'KnowledgeBaseArticle.create',
        jsonb_build_object('id', a.id, 'name', a.name, 'status', a.status),
        'KnowledgeBaseArticle',
        a.id,
        left($3::text, 64)
    ) AS event
FROM added AS a
