-- Notifies the owner of the personal account $1 that it cannot be read, for the reason $2, in the folder $3 or NULL; it is
-- tried again at $4, or paused ($5).
SELECT jobrunner.notify(
    e.assigned_user_id,
    'EmailAccountTrouble',
    jsonb_build_object(
        'account', e.name,
        'reason', $2::text,
        'folder', $3::text,
        'nextTryAt', CASE WHEN NOT $5::boolean THEN $4::timestamptz END,
        'paused', $5
    )
)
FROM jobrunner.email_account AS e
WHERE e.id = $1::bigint
