-- $1 user, $2 type, $3 data as JSON, $4 to $7 type, id, name and path of the record, $8 and $9 type and id of the note, $10
-- actor, $11 mass action
SELECT jobrunner.notify(
    $1::text,
    $2::text,
    $3::text::jsonb,
    parent_type => $4::text,
    parent_id => $5::text,
    parent_name => $6::text,
    parent_path => $7::text,
    related_type => $8::text,
    related_id => $9::text,
    actor_id => $10::text,
    action_id => $11::text
) AS number
