-- Whether the user $1 may have one more personal account, where $2 is the most
SELECT jobrunner.has_room_for_email_account($1::text, $2::integer, NULL) AS has_room
