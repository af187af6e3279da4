-- The id of a secret that is yet to be stored: what is sealed is bound to it.
SELECT nextval(pg_get_serial_sequence('jobrunner.webhook_secret', 'id')) AS id
