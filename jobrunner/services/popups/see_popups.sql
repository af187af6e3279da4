-- Notes that a page has shown popups: $1 the user, $2 ids
WITH shown AS (
    SELECT r.id
    FROM jobrunner.reminder AS r
    WHERE r.user_id = $1::text AND r.id = ANY($2::bigint[]) AND r.type = 'Popup' AND r.state = 'Due'
    ORDER BY r.id
    FOR UPDATE
)
UPDATE jobrunner.reminder AS r
SET state = 'Seen'
FROM shown
WHERE r.id = shown.id
RETURNING r.id
