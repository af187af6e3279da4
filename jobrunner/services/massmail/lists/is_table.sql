-- Whether rows can be added to a table of persons: where it is a view, the application adds them. $1 table.
SELECT c.relkind IN ('r', 'p') AS is_table
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = 'jobrunner'::regnamespace AND c.relname = $1::text
