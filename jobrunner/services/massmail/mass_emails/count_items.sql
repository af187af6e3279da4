-- $1 mass e-mail: its items of the generation that is sent now, tests left out; and how many it sent in the last hour.
SELECT
    count(*) FILTER (WHERE q.status = 'Pending') AS pending,
    count(*) FILTER (WHERE q.status = 'Sending') AS sending,
    count(*) FILTER (WHERE q.status = 'Sent') AS sent,
    count(*) FILTER (WHERE q.status = 'Failed') AS failed,
    count(*) FILTER (WHERE q.status = 'Skipped') AS skipped,
    count(*) FILTER (WHERE q.status = 'Uncertain') AS uncertain,
    count(*) FILTER (WHERE q.status = 'Pending' AND q.next_attempt_at > now()) AS deferred,
    count(*) FILTER (WHERE q.sent_at > now() - interval '1 hour') AS sent_in_last_hour,
    min(q.next_attempt_at) FILTER (WHERE q.status = 'Pending' AND q.next_attempt_at > now()) AS next_attempt_at
FROM jobrunner.queue_item AS q
JOIN jobrunner.mass_email AS m ON m.id = q.mass_email_id AND m.generation = q.generation
WHERE q.mass_email_id = $1::bigint AND NOT q.is_test
