-- Publishes a portion of the articles whose day has come: $1 today there, $2 the last day of expiration that is over,
-- $3 statuses that are published from, $4 how many at most.
SELECT c.id, c.name, c.old_status::text AS old_status, c.publish_date, c.expiration_date
FROM jobrunner.change_articles(
    ARRAY(
        SELECT a.id
        FROM jobrunner.article AS a
        WHERE a.approved
            AND a.publish_date <= $1::date
            AND NOT a.deleted
            AND a.status = ANY ($3::text[]::jobrunner.article_status[])
            AND (a.expiration_date IS NULL OR a.expiration_date > $2::date)
        ORDER BY a.id
        LIMIT $4::integer
        FOR NO KEY UPDATE SKIP LOCKED
    ),
    $3::text[]::jobrunner.article_status[],
    'Published',
    'system',
    'its day has come'
) AS c
