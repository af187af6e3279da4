-- Begins an account anew: $1 kind, $2 id, $3 the day from which on
SELECT jobrunner.reset_mail_account($1::text::jobrunner.mail_account_kind, $2::bigint, $3::date) AS was_reset
