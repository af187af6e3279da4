-- Archives a portion of the articles that have expired: those that are active, and those that would have been published
-- meanwhile. $1 today there, $2 the last day of expiration that is over, $3 active statuses, $4 statuses that are
-- published from, $5 how many at most.
SELECT c.id, c.name, c.old_status::text AS old_status, c.publish_date, c.expiration_date
FROM jobrunner.change_articles(
    ARRAY(
        SELECT a.id
        FROM jobrunner.article AS a
        WHERE a.status <> 'Archived'
            AND a.expiration_date <= $2::date
            AND NOT a.deleted
            AND (a.status = ANY ($3::text[]::jobrunner.article_status[]) OR (
                a.status = ANY ($4::text[]::jobrunner.article_status[]) AND a.approved AND a.publish_date <= $1::date
            ))
        ORDER BY a.id
        LIMIT $5::integer
        FOR NO KEY UPDATE SKIP LOCKED
    ),
    ($3::text[] || $4::text[])::jobrunner.article_status[],
    'Archived',
    'system',
    'expired'
) AS c
