-- Tells of an event (see jobrunner.emit).
SELECT
    jobrunner.emit(
        event => $1::text,
        data => $2::text::jsonb,
        target_type => $3::text,
        target_id => $4::text,
        user_id => $5::text
    ) AS number
