-- How the status of an article has changed, the oldest first: $1 its id.
SELECT h.old_status::text AS old_status, h.new_status::text AS new_status, h.changed_at, h.changed_by, h.reason
FROM jobrunner.article_history AS h
WHERE h.article_id = $1::text
ORDER BY h.id
