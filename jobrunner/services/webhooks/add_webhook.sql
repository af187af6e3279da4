-- Adds a webhook with its secret: $1 what was entered, as JSON, $2 the secret's id, $3 the secret, sealed.
WITH added AS (
    INSERT INTO jobrunner.webhook (event, url, description, owner_id, skip_own, active, format, strict_order, x_signature, off_since)
    SELECT
        e.event, e.url, e.description, e.owner_id, e.skip_own, e.active, e.format, e.strict_order, e.x_signature,
        CASE WHEN NOT e.active THEN now() END
    FROM jsonb_to_record($1::text::jsonb) AS e (
        event text, url text, description text, owner_id text, skip_own boolean, active boolean,
        format jobrunner.webhook_format, strict_order boolean, x_signature boolean
    )
    RETURNING id
), secret AS (
    INSERT INTO jobrunner.webhook_secret (id, webhook_id, secret)
    SELECT $2::bigint, a.id, $3::text
    FROM added AS a
)
SELECT a.id
FROM added AS a
