-- Report $1, if nobody has settled it yet; it is settled by this.
UPDATE jobrunner.mailing_report AS r
SET settled_at = now()
WHERE r.id = $1::bigint AND r.settled_at IS NULL
RETURNING r.token, r.queue_item_id, r.kind::text AS kind, r.verdict::text AS verdict, r.enhanced_code, r.diagnostic, r.address_key
