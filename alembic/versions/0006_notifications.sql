-- Notifications and their mails. The reasons stand in docs/notifications.md and in the essay of
-- jobrunner/services/notifications.
--
-- What a notification is about may be of any type that the application has. It says name and path with the notification,
-- or puts a function of its own in place of jobrunner.notified_record(), jobrunner.may_see() and
-- jobrunner.addresses_of_user() (CREATE OR REPLACE FUNCTION): those three are asked when a mail is about to go.

CREATE TYPE jobrunner.notification_mail AS ENUM (
    'Waiting',    -- for its delay, or for its next attempt
    'Sending',    -- being handed to the mail server at this moment
    'Sent',       -- the mail server took it; final, as all that follow
    'Skipped',    -- not to be mailed; the reason says why
    'Failed',     -- refused for good, or no time was left to try again
    'Missed',     -- nothing ran until it was too old
    'Uncertain'   -- sent twice, and both times it is not known whether the mail server took it
);

CREATE TABLE jobrunner.notification (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id text NOT NULL CHECK (user_id <> '' AND length(user_id) <= 64),
    type text NOT NULL CONSTRAINT notification_type_is_a_word CHECK (type ~ '^[A-Z][A-Za-z0-9]{0,63}$'),
    data jsonb NOT NULL DEFAULT '{}' CONSTRAINT notification_data_are_an_object CHECK (jsonb_typeof(data) = 'object'),
    related_type text CONSTRAINT related_type_is_a_word CHECK (related_type ~ '^[A-Z][A-Za-z0-9]{0,63}$'),
    related_id text CHECK (related_id <> '' AND length(related_id) <= 64),
    parent_type text CONSTRAINT parent_type_is_a_word CHECK (parent_type ~ '^[A-Z][A-Za-z0-9]{0,63}$'),
    parent_id text CHECK (parent_id <> '' AND length(parent_id) <= 64),
    parent_name text CHECK (length(parent_name) <= 1000),
    parent_path text CONSTRAINT parent_path_is_a_path CHECK (length(parent_path) <= 1000 AND parent_path ~ '^[/#?][^[:cntrl:][:space:]]*$'),
    actor_id text CHECK (actor_id <> '' AND length(actor_id) <= 64),
    action_id text CHECK (length(action_id) <= 64),
    read boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (isfinite(created_at)),

    mail jobrunner.notification_mail NOT NULL DEFAULT 'Waiting',
    mail_reason text,
    -- The trigger fills it in: when the delay ends.
    next_attempt_at timestamptz NOT NULL,
    finished_at timestamptz,
    attempt_count integer NOT NULL DEFAULT 0,
    doubt_count integer NOT NULL DEFAULT 0,
    mail_group bigint,
    message_id text,
    sender_token bigint,
    sender_job bigint,
    sender_claim bigint,
    sender_until timestamptz,

    CONSTRAINT related_is_whole CHECK (num_nonnulls(related_type, related_id) IN (0, 2)),
    CONSTRAINT parent_is_whole CHECK (num_nonnulls(parent_type, parent_id) IN (0, 2)),
    CONSTRAINT parent_has_what_is_said_of_it CHECK (parent_type IS NOT NULL OR num_nonnulls(parent_name, parent_path) = 0),
    CONSTRAINT assignment_has_a_parent CHECK (type <> 'Assignment' OR parent_type IS NOT NULL),
    CHECK ((mail IN ('Waiting', 'Sending')) = (finished_at IS NULL)),
    CHECK ((mail = 'Sending') = (sender_token IS NOT NULL)),
    CHECK ((mail = 'Sending') = (sender_until IS NOT NULL))
) WITH (fillfactor = 70);
COMMENT ON COLUMN jobrunner.notification.type IS 'Assignment, Mention, Post, Status and EmailReceived are mailed; any other is for the application alone.';
COMMENT ON COLUMN jobrunner.notification.related_id IS 'With its type the note or e-mail that it tells of: a user gets one mail of it.';
COMMENT ON COLUMN jobrunner.notification.parent_id IS 'With its type the record that it is about: its mails are grouped by it.';
COMMENT ON COLUMN jobrunner.notification.actor_id IS 'The user whose act it tells of.';
COMMENT ON COLUMN jobrunner.notification.action_id IS 'What notifications of one mass action have in common.';
COMMENT ON COLUMN jobrunner.notification.attempt_count IS 'Attempts that the mail server answered for this one mail; a server that is away counts none.';
COMMENT ON COLUMN jobrunner.notification.doubt_count IS 'Attempts after which it is not known whether the mail server took the mail.';
COMMENT ON COLUMN jobrunner.notification.mail_group IS 'The first number of the mail that it is in; kept where the mail is in doubt, so that it goes again as it was.';
COMMENT ON COLUMN jobrunner.notification.sender_token IS 'Drawn by whoever sends it; the result is stored only under the same token.';
COMMENT ON COLUMN jobrunner.notification.sender_claim IS 'The claim under which the sending job ran: where the job runs under it no more, its sender is lost.';

CREATE INDEX notification_waiting ON jobrunner.notification (next_attempt_at, number) WHERE mail = 'Waiting';
CREATE INDEX notification_waiting_by_record ON jobrunner.notification (user_id, coalesce(parent_type, ''), coalesce(parent_id, ''), number) WHERE mail = 'Waiting';
CREATE INDEX notification_sending ON jobrunner.notification (number) WHERE mail = 'Sending';
CREATE INDEX notification_of_user ON jobrunner.notification (user_id, number);
CREATE INDEX notification_unread ON jobrunner.notification (user_id, number) WHERE NOT read;
CREATE INDEX notification_of_related ON jobrunner.notification (user_id, related_type, related_id) WHERE related_id IS NOT NULL;

-- One without a row has everything on.
CREATE TABLE jobrunner.notification_preferences (
    user_id text PRIMARY KEY REFERENCES jobrunner.app_user ON DELETE CASCADE,
    receive_mention_email_notifications boolean NOT NULL DEFAULT true,
    receive_stream_email_notifications boolean NOT NULL DEFAULT true,
    receive_assignment_email_notifications boolean NOT NULL DEFAULT true,
    assignment_email_notifications_ignore_entity_type_list text[] NOT NULL DEFAULT '{}'
        CONSTRAINT ignored_types_are_words CHECK (array_position(assignment_email_notifications_ignore_entity_type_list, NULL) IS NULL AND cardinality(assignment_email_notifications_ignore_entity_type_list) <= 100),
    notification_grouping boolean NOT NULL DEFAULT true
);
COMMENT ON COLUMN jobrunner.notification_preferences.notification_grouping IS 'One mail for all that happened to one record within the delay; off: one for each notification.';

-- Users who see the application through a portal: other switches hold for them, and they are shown no internal notes.
CREATE TABLE jobrunner.portal_user (
    user_id text PRIMARY KEY REFERENCES jobrunner.app_user ON DELETE CASCADE,
    site_url text CONSTRAINT portal_url_is_http CHECK (length(site_url) <= 1000 AND site_url ~ '^https?://[^[:cntrl:][:space:]]+$')
);
COMMENT ON COLUMN jobrunner.portal_user.site_url IS 'Address of the user''s portal; NULL for the site_url of the configuration.';

-- Asked when a mail is about to go: what is known of a record now. No row: nothing is, and what the notification says of
-- it counts. `assigned_user_ids` NULL: not known, so that whoever it was assigned to still has it. `reply_to`: the address
-- that answers to mails about it go to.
CREATE FUNCTION jobrunner.notified_record(entity_type text, entity_id text)
RETURNS TABLE (name text, path text, is_gone boolean, assigned_user_ids text[], reply_to text)
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = '' AS $$
#variable_conflict use_column
BEGIN
    CASE notified_record.entity_type
        WHEN 'Meeting' THEN
            RETURN QUERY
            SELECT m.name::text, NULL::text, coalesce(m.deleted, true), ARRAY[m.assigned_user_id::text], NULL::text
            FROM (SELECT) AS one
            LEFT JOIN jobrunner.meeting AS m ON m.id = notified_record.entity_id;
        WHEN 'Call' THEN
            RETURN QUERY
            SELECT c.name::text, NULL::text, coalesce(c.deleted, true), ARRAY[c.assigned_user_id::text], NULL::text
            FROM (SELECT) AS one
            LEFT JOIN jobrunner.call AS c ON c.id = notified_record.entity_id;
        WHEN 'Task' THEN
            RETURN QUERY
            SELECT t.name::text, NULL::text, coalesce(t.deleted, true), ARRAY[t.assigned_user_id::text], NULL::text
            FROM (SELECT) AS one
            LEFT JOIN jobrunner.task AS t ON t.id = notified_record.entity_id;
        ELSE
            RETURN;
    END CASE;
END;
$$;

-- Asked when a mail is about to go: whether a user may see a record now.
CREATE FUNCTION jobrunner.may_see(user_id text, entity_type text, entity_id text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT true
$$;

-- All addresses of a user: mails that were addressed to one of them are not told of by mail.
CREATE FUNCTION jobrunner.addresses_of_user(user_id text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT array_agg(u.email::text)
    FROM jobrunner.app_user AS u
    WHERE u.id = addresses_of_user.user_id AND u.email IS NOT NULL
$$;

CREATE FUNCTION jobrunner.notification_delay() RETURNS interval
LANGUAGE sql STABLE AS $$
    SELECT make_interval(secs => coalesce(
        (
            SELECT least((s.value #>> '{}')::integer, 18000)
            FROM jobrunner.setting AS s
            WHERE s.name = 'email_notifications_delay' AND s.value #>> '{}' ~ '^[0-9]{1,5}$'
        ),
        30
    ))
$$;

-- Wakes the job for each of these moments (NULL: for none); returns how many jobs were added. Moments ahead are rounded up
-- to a quarter of a second, so that many notifications share a job.
CREATE FUNCTION jobrunner.wake_email_notifications(moments timestamptz[]) RETURNS integer
LANGUAGE sql SET search_path = '' SET jit = off AS $$
    SELECT jobrunner.wake_job('SendEmailNotifications', ARRAY(
        SELECT CASE
            WHEN m.at <= clock_timestamp() THEN now()
            ELSE date_bin(interval '250 ms', m.at + interval '249.999 ms', timestamptz '2000-01-01 00:00:00+00')
        END
        FROM unnest(moments) AS m (at)
        WHERE m.at IS NOT NULL
    ))
$$;

CREATE FUNCTION jobrunner.place_notification() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    NEW.next_attempt_at := coalesce(
        NEW.next_attempt_at,
        NEW.created_at + CASE WHEN NEW.type = 'Assignment' THEN interval '0' ELSE jobrunner.notification_delay() END
    );
    RETURN NEW;
END;
$$;

CREATE TRIGGER place_new BEFORE INSERT ON jobrunner.notification
FOR EACH ROW EXECUTE FUNCTION jobrunner.place_notification();

-- Assignments are mailed at once, by a job of the queue e0; all else when the delay ends.
CREATE FUNCTION jobrunner.wake_for_notifications() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' SET jit = off AS $$
BEGIN
    PERFORM jobrunner.wake_email_notifications(array_agg(DISTINCT a.next_attempt_at))
    FROM added AS a
    WHERE a.mail = 'Waiting' AND (a.type <> 'Assignment' OR a.next_attempt_at > clock_timestamp());
    IF EXISTS (SELECT FROM added AS a WHERE a.mail = 'Waiting' AND a.type = 'Assignment' AND a.next_attempt_at <= clock_timestamp()) THEN
        PERFORM jobrunner.enqueue(
            'SendAssignmentEmails',
            queue => 'e0',
            unique_key => pg_catalog.format('SendAssignmentEmails/%s', pg_catalog.pg_current_xact_id())
        );
    END IF;
    RETURN NULL;
END;
$$;

CREATE TRIGGER wake_for_new AFTER INSERT ON jobrunner.notification
REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.wake_for_notifications();

-- What waits for the system account goes at once when that is there, was changed, or is held back no more; reminders, too.
CREATE FUNCTION jobrunner.wake_for_system_account() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' SET jit = off AS $$
BEGIN
    IF EXISTS (SELECT FROM jobrunner.reminder AS r WHERE r.type = 'Email' AND r.state = 'Waiting' AND r.next_attempt_at <= now()) THEN
        PERFORM jobrunner.wake_job('SendEmailReminders', ARRAY[now()]);
    END IF;
    IF EXISTS (SELECT FROM jobrunner.notification AS n WHERE n.mail = 'Waiting' AND n.next_attempt_at <= now()) THEN
        PERFORM jobrunner.wake_email_notifications(ARRAY[now()]);
    END IF;
    RETURN NULL;
END;
$$;

CREATE TRIGGER wake_mails_to_users AFTER INSERT OR UPDATE OF modified_at ON jobrunner.smtp_account
FOR EACH ROW WHEN (NEW.kind = 'System' AND NEW.status = 'Active')
EXECUTE FUNCTION jobrunner.wake_for_system_account();

CREATE TRIGGER wake_mails_to_users AFTER UPDATE OF paused_kind, cooled_until, retry_at ON jobrunner.smtp_account_state
FOR EACH ROW WHEN (jobrunner.was_set_free(OLD, NEW))
EXECUTE FUNCTION jobrunner.wake_for_system_account();

-- Public: notifies a user, in the caller's transaction, and returns the notification's number; where there is no such
-- user it writes nothing, and returns NULL. The mail goes when the delay is over and nobody has read it; of an
-- assignment at once. For many users INSERT … SELECT does the same.
CREATE FUNCTION jobrunner.notify(
    user_id text,
    type text,
    data jsonb DEFAULT '{}',
    parent_type text DEFAULT NULL,
    parent_id text DEFAULT NULL,
    parent_name text DEFAULT NULL,
    parent_path text DEFAULT NULL,
    related_type text DEFAULT NULL,
    related_id text DEFAULT NULL,
    actor_id text DEFAULT NULL,
    action_id text DEFAULT NULL
) RETURNS bigint
LANGUAGE sql SET search_path = '' AS $$
    INSERT INTO jobrunner.notification (
        user_id, type, data, parent_type, parent_id, parent_name, parent_path, related_type, related_id, actor_id, action_id
    )
    SELECT
        u.id, notify.type, notify.data, notify.parent_type, notify.parent_id, notify.parent_name, notify.parent_path,
        notify.related_type, notify.related_id, notify.actor_id, notify.action_id
    FROM jobrunner.app_user AS u
    WHERE u.id = notify.user_id
    RETURNING number
$$;
