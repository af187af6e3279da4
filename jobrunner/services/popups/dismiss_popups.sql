-- Ends popups for good: $1 the user, $2 ids, or NULL for all that are open
WITH open AS (
    SELECT r.id
    FROM jobrunner.reminder AS r
    WHERE r.user_id = $1::text
        AND ($2::bigint[] IS NULL OR r.id = ANY($2::bigint[]))
        AND r.type = 'Popup'
        AND r.state IN ('Due', 'Seen')
    ORDER BY r.id
    FOR UPDATE
)
UPDATE jobrunner.reminder AS r
SET state = 'Dismissed',
    finished_at = now()
FROM open
WHERE r.id = open.id
RETURNING r.id
