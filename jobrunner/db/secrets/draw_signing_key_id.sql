-- The id of a signing key that is to be sealed for it
SELECT nextval('jobrunner.signing_key_id_seq') AS id
