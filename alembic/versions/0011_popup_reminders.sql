-- Popup reminders: the other kind of rows of jobrunner.reminder. The reasons stand in docs/popups.md and in the essays of
-- jobrunner/services/popups and jobrunner/web/push.

ALTER TABLE jobrunner.reminder ADD COLUMN submitted_at timestamptz;
COMMENT ON COLUMN jobrunner.reminder.submitted_at IS 'Popup: when it became Due, last.';

-- What is open, for its user's pages and for the run that ends what nobody has seen.
CREATE INDEX reminder_popup_open ON jobrunner.reminder (user_id, start_at) WHERE type = 'Popup' AND state IN ('Due', 'Seen');
CREATE INDEX reminder_popup_start ON jobrunner.reminder (start_at, id) WHERE type = 'Popup' AND finished_at IS NULL;

-- Tells all daemons that what a user's pages show has changed, whoever changed it: it became due, was seen, dismissed,
-- snoozed, moved, removed. The payload is the user's id; of one that is too long for a payload, nothing: then each daemon
-- looks after all of its users. Equal payloads of one transaction are one notification.
CREATE FUNCTION jobrunner.tell_popup_pages() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    user_id text := CASE TG_OP WHEN 'DELETE' THEN OLD.user_id ELSE NEW.user_id END;
BEGIN
    PERFORM pg_catalog.pg_notify('jobrunner_popup', CASE WHEN octet_length(user_id) < 1000 THEN user_id ELSE '' END);
    RETURN NULL;
END;
$$;

CREATE TRIGGER tell_popup_pages AFTER UPDATE OF state, start_at ON jobrunner.reminder
FOR EACH ROW
WHEN (
    NEW.type = 'Popup'
    AND (OLD.state IN ('Due', 'Seen') OR NEW.state IN ('Due', 'Seen'))
    AND (OLD.state, OLD.start_at) IS DISTINCT FROM (NEW.state, NEW.start_at)
)
EXECUTE FUNCTION jobrunner.tell_popup_pages();

CREATE TRIGGER tell_popup_pages_of_removal AFTER DELETE ON jobrunner.reminder
FOR EACH ROW WHEN (OLD.type = 'Popup' AND OLD.state IN ('Due', 'Seen'))
EXECUTE FUNCTION jobrunner.tell_popup_pages();

-- Nine in the morning of the next day where a user is; of a zone that nobody knows (a view may have any), in UTC.
CREATE FUNCTION jobrunner.local_nine_tomorrow(time_zone text) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN ((now() AT TIME ZONE coalesce(time_zone, 'UTC'))::date + 1 + time '09:00') AT TIME ZONE coalesce(time_zone, 'UTC');
EXCEPTION
    WHEN invalid_parameter_value THEN
        RETURN ((now() AT TIME ZONE 'UTC')::date + 1 + time '09:00') AT TIME ZONE 'UTC';
END;
$$;
