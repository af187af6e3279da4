-- Queues a run where an article that has its day was passed over, since somebody held it; runs that see it at about the
-- same time ask for the same moment, so that there is one. $1 today there, $2 the last day of expiration that is over,
-- $3 active statuses, $4 statuses that are published from, $5 how far such moments are apart: it is the second from now.
SELECT jobrunner.wake_job(
    'ControlKnowledgeBaseArticleStatus', ARRAY[date_bin($5::interval, now(), 'epoch') + 2 * $5::interval]
) AS added
WHERE EXISTS (
    SELECT
    FROM jobrunner.article AS a
    WHERE a.status <> 'Archived'
        AND a.expiration_date <= $2::date
        AND NOT a.deleted
        AND (a.status = ANY ($3::text[]::jobrunner.article_status[]) OR (
            a.status = ANY ($4::text[]::jobrunner.article_status[]) AND a.approved AND a.publish_date <= $1::date
        ))
) OR EXISTS (
    SELECT
    FROM jobrunner.article AS a
    WHERE a.approved
        AND a.publish_date <= $1::date
        AND NOT a.deleted
        AND a.status = ANY ($4::text[]::jobrunner.article_status[])
        AND (a.expiration_date IS NULL OR a.expiration_date > $2::date)
)
