-- Keeps a mail for the Sent folder: $1 the account's id, $2 the address in From, $3 Message-ID, $4 when, $5 its octets
SELECT jobrunner.keep_sent_copy($1::bigint, jobrunner.address_key($2::text), $3::text, $4::timestamptz, $5::bytea) AS job_id
