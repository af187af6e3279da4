-- Ends one's turn: $1 the account's place, $2 the number that was drawn for it
DELETE FROM jobrunner.oauth_turn AS t
WHERE t.place = $1::text
    AND t.holder = $2::bigint
RETURNING t.place
