-- Adds a team: $1 its name, $2 its id or NULL for a new one. No row where another has that name or id.
INSERT INTO jobrunner.team (id, name)
SELECT
    coalesce($2::text, nextval('jobrunner.record_id')::text),
    $1::text
WHERE NOT EXISTS (SELECT FROM jobrunner.team AS t WHERE t.name = $1)
ON CONFLICT (id) DO NOTHING
RETURNING id
