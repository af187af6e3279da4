-- The database's clock, by which everything is judged.
SELECT clock_timestamp() AS now
