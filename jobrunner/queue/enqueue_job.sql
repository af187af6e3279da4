-- Adds one job (see jobrunner.enqueue).
SELECT
    jobrunner.enqueue(
        data => $1::text::jsonb,
        name => $2::text,
        queue => $3::text,
        group_name => $4::text,
        priority => $5::integer,
        delay => make_interval(secs => $6::double precision),
        execute_at => $7::timestamptz,
        target_type => $8::text,
        target_id => $9::text,
        max_attempts => $10::integer,
        unique_key => $11::text
    ) AS id
