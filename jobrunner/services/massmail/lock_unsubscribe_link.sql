-- One after another: two requests for one item (a mail program's and a person's) must not both log. $1: its token.
SELECT pg_advisory_xact_lock(hashtextextended('jobrunner unsubscribe ' || $1::uuid::text, 0))
