-- Whether an account was read since it was last begun anew: $1 kind, $2 id, $3 its epoch
SELECT EXISTS (
    SELECT
    FROM jobrunner.mail_folder_state AS f
    WHERE f.account_kind = $1::text::jobrunner.mail_account_kind
        AND f.account_id = $2::bigint
        AND f.epoch = $3::bigint
) AS has_begun
