-- Mails that carry one of these ids, the first one first.
SELECT e.id, e.message_key, e.message_ref, e.from_key, e.text_digest
FROM jobrunner.email AS e
WHERE e.message_ref = ANY ($1::text[])
ORDER BY e.id
