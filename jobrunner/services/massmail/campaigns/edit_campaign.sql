-- $1 id, $2 the columns that change, as JSON
UPDATE jobrunner.campaign AS c
SET (name, type, status, start_date, end_date, budget, teams, description) = (
    SELECT p.name, p.type, p.status, p.start_date, p.end_date, p.budget, p.teams, p.description
    FROM jsonb_populate_record(c, $2::text::jsonb) AS p
)
WHERE c.id = $1::bigint
RETURNING c.id
