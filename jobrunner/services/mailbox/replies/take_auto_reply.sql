-- Counts an answer for each of the scopes $1, of which $2 may go in $3; or returns one that has no room.
SELECT jobrunner.take_auto_reply($1::text[], $2::integer[], $3::interval[]) AS full_scope
