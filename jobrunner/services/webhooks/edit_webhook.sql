-- Changes a webhook: $1 which, $2 the revision that was read, $3 all that is entered of it, as JSON. Another URL is tried at
-- once. No row where somebody else has changed it meanwhile.
UPDATE jobrunner.webhook AS w
SET url = e.url,
    description = e.description,
    owner_id = e.owner_id,
    skip_own = e.skip_own,
    active = e.active,
    format = e.format,
    strict_order = e.strict_order,
    x_signature = e.x_signature,
    next_attempt_at = CASE WHEN w.url = e.url THEN w.next_attempt_at END,
    modified_at = now()
FROM jsonb_to_record($3::text::jsonb) AS e (
    url text, description text, owner_id text, skip_own boolean, active boolean,
    format jobrunner.webhook_format, strict_order boolean, x_signature boolean
)
WHERE w.id = $1::bigint AND w.revision = $2::bigint
RETURNING w.id
