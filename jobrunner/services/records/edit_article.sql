-- Changes an article that is still as it was read: $1 id, $2 version, $3 all its values, $4 who changes it. Its status
-- changes elsewhere.
WITH changed AS (
    UPDATE jobrunner.article AS a
    SET name = v.name,
        approved = v.approved,
        language = v.language,
        type = v.type,
        publish_date = v.publish_date,
        expiration_date = v.expiration_date,
        position = v.position,
        categories = v.categories,
        portals = v.portals,
        description = v.description,
        body = v.body,
        assigned_user_id = v.assigned_user_id,
        version = a.version + 1,
        modified_at = now()
    FROM jsonb_populate_record(NULL::jobrunner.article, $3::text::jsonb) AS v
    WHERE a.id = $1::text AND a.version = $2::bigint AND NOT a.deleted
    RETURNING a.id, a.name, a.status
)
SELECT
    c.id,
    jobrunner.emit(
        'KnowledgeBaseArticle.update',
        jsonb_build_object('id', c.id, 'name', c.name, 'status', c.status),
        'KnowledgeBaseArticle',
        c.id,
        left($4::text, 64)
    ) AS event
FROM changed AS c
