-- The id of an account whose secrets are to be sealed for it: $1 its table
SELECT nextval(pg_get_serial_sequence('jobrunner.' || $1::text, 'id')) AS id
