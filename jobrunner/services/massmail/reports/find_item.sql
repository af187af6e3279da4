-- The items, there still or not, with token $1; or where that is NULL those there with numbers $2
SELECT l.queue_item_id, $1::uuid AS token, l.address_key
FROM jobrunner.find_link($1::uuid) AS l
WHERE $1 IS NOT NULL
UNION ALL
SELECT q.id, q.token, q.address_key
FROM jobrunner.queue_item AS q
WHERE $1 IS NULL AND q.id = ANY ($2::bigint[])
ORDER BY queue_item_id
