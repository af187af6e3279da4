-- Every setting that somebody has set; as text, whatever codecs the connection has.
SELECT
    s.name,
    s.value::text AS value,
    s.changed_at,
    s.changed_by
FROM jobrunner.setting AS s
ORDER BY s.name
