-- Has what waits for the Sent folder of an account stored: $1 its kind, $2 its id
SELECT jobrunner.wake_sent_copies($1::text::jobrunner.mail_account_kind, $2::bigint) AS job_id
