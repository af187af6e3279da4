-- Whether an e-mail reminder was sent in the last day
SELECT EXISTS (
    SELECT
    FROM jobrunner.reminder AS r
    WHERE r.type = 'Email'
        AND r.state = 'Sent'
        AND r.finished_at > now() - interval '1 day'
) AS is_sent
