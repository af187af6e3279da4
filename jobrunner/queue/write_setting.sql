-- Sets one setting. Where it has the value already, who set it and when stays as it was.
INSERT INTO jobrunner.setting AS s (name, value, changed_at, changed_by)
VALUES ($1, $2::text::jsonb, clock_timestamp(), $3)
ON CONFLICT (name) DO UPDATE
SET
    value = excluded.value,
    changed_at = excluded.changed_at,
    changed_by = excluded.changed_by
WHERE s.value <> excluded.value
