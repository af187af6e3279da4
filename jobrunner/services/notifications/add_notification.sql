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
