-- The id of an account whose secrets are to be sealed for it
SELECT nextval('jobrunner.smtp_account_id_seq') AS id
