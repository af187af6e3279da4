-- Webhooks: events, deliveries, batches, attempts.
SELECT 1;
