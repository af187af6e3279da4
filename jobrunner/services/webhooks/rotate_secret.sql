-- Gives a webhook a new secret: $1 which, $2 the secret's id, $3 the secret, sealed, $4 for how long the former one signs,
-- too, $5 how many former ones are kept.
WITH rotated AS (
    UPDATE jobrunner.webhook AS w
    SET revision = w.revision + 1
    WHERE w.id = $1::bigint
    RETURNING w.id
), aged AS (
    UPDATE jobrunner.webhook_secret AS s
    SET valid_until = now() + $4::interval
    FROM rotated AS r
    WHERE s.webhook_id = r.id AND s.valid_until IS NULL
    RETURNING s.id
), dropped AS (
    DELETE FROM jobrunner.webhook_secret AS s
    USING (
        SELECT f.id, row_number() OVER (ORDER BY f.valid_until DESC NULLS FIRST, f.id DESC) AS place
        FROM jobrunner.webhook_secret AS f
        WHERE f.webhook_id = $1::bigint
    ) AS f
    WHERE s.id = f.id AND s.valid_until IS NOT NULL AND (f.place > $5::integer OR s.valid_until <= now() OR $4::interval = interval '0')
    RETURNING s.id
)
INSERT INTO jobrunner.webhook_secret (id, webhook_id, secret)
SELECT $2::bigint, r.id, $3::text
FROM rotated AS r
-- After the former one has made room.
CROSS JOIN (SELECT count(*) FROM aged) AS a
RETURNING webhook_id AS id
