-- Every sealed value of the database with its place
SELECT s.table_name, s.row_id, s.column_name, s.sealed
FROM jobrunner.list_sealed() AS s
