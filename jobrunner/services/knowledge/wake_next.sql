-- Queues a run for the next midnight at which an article has its day: $1 today there, $2 active statuses, $3 statuses that
-- are published from, $4 days after the day of expiration at which it is over.
SELECT jobrunner.wake_job(
    'ControlKnowledgeBaseArticleStatus', ARRAY[jobrunner.local_midnight(next.day, jobrunner.installation_zone())]
) AS added
FROM (
    SELECT least(
        (
            SELECT min(a.publish_date)
            FROM jobrunner.article AS a
            WHERE a.approved
                AND a.publish_date > $1::date
                AND NOT a.deleted
                AND a.status = ANY ($3::text[]::jobrunner.article_status[])
        ),
        (
            SELECT min(a.expiration_date) + $4::integer
            FROM jobrunner.article AS a
            WHERE a.status <> 'Archived'
                AND a.expiration_date > $1::date - $4::integer
                AND NOT a.deleted
                AND a.status = ANY (($2::text[] || $3::text[])::jobrunner.article_status[])
        )
    ) AS day
) AS next
WHERE next.day IS NOT NULL
