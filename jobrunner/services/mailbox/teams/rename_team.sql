-- Gives a team another name: $1 id, $2 the name. No row where another is called like that.
UPDATE jobrunner.team AS t
SET name = $2::text
WHERE t.id = $1::text
    AND NOT EXISTS (SELECT FROM jobrunner.team AS o WHERE o.name = $2 AND o.id <> $1)
RETURNING t.id
