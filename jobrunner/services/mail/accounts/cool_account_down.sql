-- The server said that it was too much: $1 the account's key, $2 its words. While the account cools down already, nothing
-- changes. Once it is back at full speed, the next cool-down is a first one again.
WITH moment AS (
    SELECT clock_timestamp() AS at
),
measured AS (
    -- How many were taken in the last whole minute, or in this one if that is more; one at least.
    SELECT greatest(
        1,
        CASE WHEN r.counted_from > m.at - interval '1 minute' THEN r.counted_before END,
        CASE WHEN r.counted_from > m.at - interval '2 minutes' THEN r.counted END
    ) AS pace
    FROM moment AS m
    LEFT JOIN jobrunner.mail_rate AS r ON r.account = $1 AND r.scope = ''
)
INSERT INTO jobrunner.smtp_account_state AS s (account, cooled_until, cool_downs, speed, speed_at, pace, last_trouble, last_trouble_at)
SELECT $1, m.at + interval '60 s', 1, 0.5, m.at + interval '60 s', p.pace, $2::text, m.at
FROM moment AS m
CROSS JOIN measured AS p
ON CONFLICT (account) DO UPDATE
SET cool_downs = CASE
        WHEN jobrunner.mail_speed(s.speed, s.speed_at, excluded.last_trouble_at) < 1 THEN least(s.cool_downs + 1, 30)
        ELSE 1
    END,
    cooled_until = excluded.last_trouble_at + CASE
        WHEN jobrunner.mail_speed(s.speed, s.speed_at, excluded.last_trouble_at) < 1 THEN least(interval '1 hour', interval '60 s' * 2 ^ least(s.cool_downs, 10))
        ELSE interval '60 s'
    END,
    speed_at = excluded.last_trouble_at + CASE
        WHEN jobrunner.mail_speed(s.speed, s.speed_at, excluded.last_trouble_at) < 1 THEN least(interval '1 hour', interval '60 s' * 2 ^ least(s.cool_downs, 10))
        ELSE interval '60 s'
    END,
    speed = greatest(1.0 / 64, jobrunner.mail_speed(s.speed, s.speed_at, excluded.last_trouble_at) / 2),
    -- The speed is a share of one pace, until it is the whole again.
    pace = CASE
        WHEN jobrunner.mail_speed(s.speed, s.speed_at, excluded.last_trouble_at) < 1 THEN coalesce(s.pace, excluded.pace)
        ELSE excluded.pace
    END,
    last_trouble = excluded.last_trouble,
    last_trouble_at = excluded.last_trouble_at
WHERE s.cooled_until IS NULL
    OR s.cooled_until <= excluded.last_trouble_at
RETURNING s.cooled_until
