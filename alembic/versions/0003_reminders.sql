-- Records that people are reminded of, and their reminders. The reasons stand in docs/reminders.md and in the essays
-- of jobrunner/services/records and jobrunner/services/reminders.
--
-- Records have ids of type text, so that an application may put views over tables of its own in place of app_user,
-- meeting, call, task, attendee and reminder_list, whatever its ids are (numbers, UUIDs, words). It then calls
-- jobrunner.plan_reminders() itself; on our own tables triggers do.

CREATE TYPE jobrunner.meeting_status AS ENUM ('Planned', 'Held', 'Not Held');

CREATE TYPE jobrunner.task_status AS ENUM ('Not Started', 'Started', 'Completed', 'Canceled', 'Deferred');

CREATE TYPE jobrunner.acceptance AS ENUM ('None', 'Accepted', 'Tentative', 'Declined');

CREATE TYPE jobrunner.reminder_type AS ENUM ('Email', 'Popup');

CREATE TYPE jobrunner.reminder_state AS ENUM (
    'Waiting',     -- for its time, or for its next attempt
    'Sending',     -- e-mail: being handed to the mail server at this moment
    'Due',         -- popup: shown to whoever is there
    'Seen',        -- popup: a page has shown it
    'Sent',        -- e-mail: the mail server took it; final, as all that follow
    'Failed',      -- e-mail: refused for good, or no time was left to try again
    'Skipped',     -- nobody to send to: declined, inactive, without an address, the record done or gone
    'Missed',      -- nothing ran until an hour after the start
    'Uncertain',   -- e-mail: sent twice, and both times it is not known whether the mail server took it
    'Dismissed',   -- popup: by its user
    'Expired'      -- popup: nobody saw it in time
);

-- True for a name of the kind Area/City, or UTC. (PostgreSQL itself would also take PST and Foo+3.)
CREATE FUNCTION jobrunner.is_time_zone(name text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    PERFORM now() AT TIME ZONE name;
    RETURN name IN ('UTC', 'GMT') OR name ~ '^[A-Z][A-Za-z_]+(/[A-Z][A-Za-z0-9_+-]*)+$';
EXCEPTION
    WHEN invalid_parameter_value THEN
        RETURN false;
END;
$$;

-- True for a list of at most ten objects {"type": "Email"|"Popup", "seconds": 0 to a year}.
CREATE FUNCTION jobrunner.is_reminder_list(list jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN jsonb_typeof(list) <> 'array' THEN false
        WHEN jsonb_array_length(list) > 10 THEN false
        ELSE NOT EXISTS (
            SELECT
            FROM jsonb_array_elements(list) AS e (item)
            WHERE CASE
                WHEN jsonb_typeof(e.item) <> 'object' THEN true
                WHEN e.item - 'type' - 'seconds' <> '{}' THEN true
                WHEN coalesce(e.item ->> 'type', '') NOT IN ('Email', 'Popup') THEN true
                WHEN coalesce(jsonb_typeof(e.item -> 'seconds'), '') <> 'number' THEN true
                WHEN e.item ->> 'seconds' !~ '^[0-9]{1,8}$' THEN true
                ELSE (e.item ->> 'seconds')::integer > 31622400
            END
        )
    END
$$;

CREATE SEQUENCE jobrunner.record_id;

CREATE TABLE jobrunner.app_user (
    id text PRIMARY KEY DEFAULT nextval('jobrunner.record_id')::text CHECK (id <> '' AND length(id) <= 64),
    name text NOT NULL CHECK (length(name) <= 255),
    email text CONSTRAINT email_is_an_address CHECK (length(email) <= 254 AND email ~ '^[^[:cntrl:][:space:]@<>]+@[^[:cntrl:][:space:]@<>]+$'),
    time_zone text NOT NULL DEFAULT 'UTC' CONSTRAINT time_zone_is_known CHECK (jobrunner.is_time_zone(time_zone)),
    language text NOT NULL DEFAULT 'en' CONSTRAINT language_is_a_tag CHECK (language ~ '^[a-z]{2,3}([_-][A-Za-z0-9]{2,8})*$'),
    active boolean NOT NULL DEFAULT true,
    default_reminders jsonb NOT NULL DEFAULT '[]' CONSTRAINT default_reminders_are_a_list CHECK (jobrunner.is_reminder_list(default_reminders)),
    default_reminders_task jsonb NOT NULL DEFAULT '[]' CONSTRAINT default_reminders_task_are_a_list CHECK (jobrunner.is_reminder_list(default_reminders_task)),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- A record has a moment, or for all day a date.
CREATE TABLE jobrunner.meeting (
    id text PRIMARY KEY DEFAULT nextval('jobrunner.record_id')::text CHECK (id <> '' AND length(id) <= 64),
    name text NOT NULL CHECK (length(name) <= 255),
    status jobrunner.meeting_status NOT NULL DEFAULT 'Planned',
    date_start timestamptz CHECK (isfinite(date_start)),
    date_end timestamptz CHECK (isfinite(date_end)),
    date_start_date date CHECK (isfinite(date_start_date)),
    date_end_date date CHECK (isfinite(date_end_date)),
    is_all_day boolean GENERATED ALWAYS AS (date_start_date IS NOT NULL) STORED,
    assigned_user_id text REFERENCES jobrunner.app_user ON DELETE SET NULL,
    deleted boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT start_is_a_moment_or_a_day CHECK (num_nonnulls(date_start, date_start_date) = 1)
);
CREATE INDEX meeting_of_assigned_user ON jobrunner.meeting (assigned_user_id);

CREATE TABLE jobrunner.call (
    id text PRIMARY KEY DEFAULT nextval('jobrunner.record_id')::text CHECK (id <> '' AND length(id) <= 64),
    name text NOT NULL CHECK (length(name) <= 255),
    status jobrunner.meeting_status NOT NULL DEFAULT 'Planned',
    date_start timestamptz CHECK (isfinite(date_start)),
    date_end timestamptz CHECK (isfinite(date_end)),
    date_start_date date CHECK (isfinite(date_start_date)),
    date_end_date date CHECK (isfinite(date_end_date)),
    is_all_day boolean GENERATED ALWAYS AS (date_start_date IS NOT NULL) STORED,
    assigned_user_id text REFERENCES jobrunner.app_user ON DELETE SET NULL,
    deleted boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT start_is_a_moment_or_a_day CHECK (num_nonnulls(date_start, date_start_date) = 1)
);
CREATE INDEX call_of_assigned_user ON jobrunner.call (assigned_user_id);

-- A task counts from its end, when it is due; one without is never reminded of.
CREATE TABLE jobrunner.task (
    id text PRIMARY KEY DEFAULT nextval('jobrunner.record_id')::text CHECK (id <> '' AND length(id) <= 64),
    name text NOT NULL CHECK (length(name) <= 255),
    status jobrunner.task_status NOT NULL DEFAULT 'Not Started',
    date_start timestamptz CHECK (isfinite(date_start)),
    date_end timestamptz CHECK (isfinite(date_end)),
    date_start_date date CHECK (isfinite(date_start_date)),
    date_end_date date CHECK (isfinite(date_end_date)),
    is_all_day boolean GENERATED ALWAYS AS (date_end_date IS NOT NULL) STORED,
    assigned_user_id text REFERENCES jobrunner.app_user ON DELETE SET NULL,
    deleted boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT due_is_a_moment_or_a_day CHECK (num_nonnulls(date_end, date_end_date) <= 1)
);
CREATE INDEX task_of_assigned_user ON jobrunner.task (assigned_user_id);

CREATE TABLE jobrunner.attendee (
    entity_type text NOT NULL CHECK (entity_type IN ('Meeting', 'Call', 'Task')),
    entity_id text NOT NULL,
    user_id text NOT NULL REFERENCES jobrunner.app_user ON DELETE CASCADE,
    status jobrunner.acceptance NOT NULL DEFAULT 'None',
    PRIMARY KEY (entity_type, entity_id, user_id)
);
CREATE INDEX attendee_of_user ON jobrunner.attendee (user_id);

-- How far ahead one is reminded of one record: a user's own list, or with user_id NULL that of everybody who has none.
-- Where there is neither, the user's default applies.
CREATE TABLE jobrunner.reminder_list (
    entity_type text NOT NULL CHECK (entity_type IN ('Meeting', 'Call', 'Task')),
    entity_id text NOT NULL,
    user_id text REFERENCES jobrunner.app_user ON DELETE CASCADE,
    reminders jsonb NOT NULL CONSTRAINT reminders_are_a_list CHECK (jobrunner.is_reminder_list(reminders))
);
CREATE UNIQUE INDEX reminder_list_of_record ON jobrunner.reminder_list (entity_type, entity_id, coalesce(user_id, ''));
CREATE INDEX reminder_list_of_user ON jobrunner.reminder_list (user_id) WHERE user_id IS NOT NULL;

-- One row is one reminder of one user: at most one of a type at the same moment. Only jobrunner.plan_reminders() makes
-- and moves them. Finished ones stay for a while, so that nobody is reminded again when the record is saved again, and
-- so that one can see what became of them.
CREATE TABLE jobrunner.reminder (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    remind_at timestamptz NOT NULL,
    start_at timestamptz NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    finished_at timestamptz,
    sender_token bigint,
    sender_job bigint,
    sender_claim bigint,
    sender_until timestamptz,
    seconds integer,
    attempt_count integer NOT NULL DEFAULT 0,
    doubt_count integer NOT NULL DEFAULT 0,
    type jobrunner.reminder_type NOT NULL,
    state jobrunner.reminder_state NOT NULL DEFAULT 'Waiting',
    user_id text NOT NULL,
    entity_type text NOT NULL,
    entity_id text NOT NULL,
    message_id text,
    reason text,
    CHECK ((state IN ('Sent', 'Failed', 'Skipped', 'Missed', 'Uncertain', 'Dismissed', 'Expired')) = (finished_at IS NOT NULL)),
    CHECK ((state = 'Sending') = (sender_token IS NOT NULL)),
    CHECK ((state = 'Sending') = (sender_until IS NOT NULL))
) WITH (fillfactor = 70);
COMMENT ON COLUMN jobrunner.reminder.seconds IS 'How long before the start; NULL where all moments had passed and it was made for now.';
COMMENT ON COLUMN jobrunner.reminder.attempt_count IS 'Attempts that the mail server answered for this one mail; a server that is away counts none.';
COMMENT ON COLUMN jobrunner.reminder.doubt_count IS 'Attempts after which it is not known whether the mail server took the mail.';
COMMENT ON COLUMN jobrunner.reminder.sender_token IS 'Drawn by whoever sends it; the result is stored only under the same token.';
COMMENT ON COLUMN jobrunner.reminder.sender_claim IS 'The claim under which the sending job ran: where the job runs under it no more, its sender is lost.';

CREATE UNIQUE INDEX reminder_once ON jobrunner.reminder (entity_type, entity_id, user_id, type, remind_at);
CREATE INDEX reminder_waiting ON jobrunner.reminder (type, next_attempt_at, id) WHERE state = 'Waiting';
CREATE INDEX reminder_sending ON jobrunner.reminder (id) WHERE state = 'Sending';
CREATE INDEX reminder_of_user ON jobrunner.reminder (user_id) WHERE finished_at IS NULL;
CREATE INDEX reminder_finished ON jobrunner.reminder (finished_at) WHERE finished_at IS NOT NULL;

-- A row for each record that is planned: who plans holds it, so that two who change one record at the same time (a date
-- here, an attendee there) plan one after the other, and the second sees what the first has done.
CREATE TABLE jobrunner.reminder_plan (
    entity_type text NOT NULL CHECK (entity_type IN ('Meeting', 'Call', 'Task')),
    entity_id text NOT NULL,
    planned_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (entity_type, entity_id)
) WITH (fillfactor = 50);

-- Midnight of a day where the user is; of a zone that nobody knows (a view may have any), midnight in UTC.
CREATE FUNCTION jobrunner.local_midnight(day date, time_zone text) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN day::timestamp AT TIME ZONE coalesce(time_zone, 'UTC');
EXCEPTION
    WHEN invalid_parameter_value THEN
        RETURN day::timestamp AT TIME ZONE 'UTC';
END;
$$;

-- What there is to be reminded of: no row where the record is gone. Meetings and calls count from their start, tasks
-- from when they are due.
CREATE FUNCTION jobrunner.occasion(entity_type text, entity_id text)
RETURNS TABLE (name text, start_at timestamptz, start_date date, is_open boolean, assigned_user_id text)
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = '' AS $$
#variable_conflict use_column
BEGIN
    CASE occasion.entity_type
        WHEN 'Meeting' THEN
            RETURN QUERY
            SELECT
                m.name::text,
                m.date_start::timestamptz,
                m.date_start_date::date,
                NOT coalesce(m.deleted, false) AND m.status::text NOT IN ('Held', 'Not Held'),
                m.assigned_user_id::text
            FROM jobrunner.meeting AS m
            WHERE m.id = occasion.entity_id;
        WHEN 'Call' THEN
            RETURN QUERY
            SELECT
                c.name::text,
                c.date_start::timestamptz,
                c.date_start_date::date,
                NOT coalesce(c.deleted, false) AND c.status::text NOT IN ('Held', 'Not Held'),
                c.assigned_user_id::text
            FROM jobrunner.call AS c
            WHERE c.id = occasion.entity_id;
        WHEN 'Task' THEN
            RETURN QUERY
            SELECT
                t.name::text,
                t.date_end::timestamptz,
                t.date_end_date::date,
                NOT coalesce(t.deleted, false) AND t.status::text NOT IN ('Completed', 'Canceled'),
                t.assigned_user_id::text
            FROM jobrunner.task AS t
            WHERE t.id = occasion.entity_id;
        ELSE
            RAISE EXCEPTION 'reminders are of a Meeting, a Call or a Task, got %', coalesce(occasion.entity_type, 'NULL')
                USING ERRCODE = 'invalid_parameter_value';
    END CASE;
END;
$$;

-- Who is reminded: the attendees that have not declined; where a record has no attendees, whom it is assigned to.
CREATE FUNCTION jobrunner.reminder_receivers(entity_type text, entity_id text) RETURNS TABLE (user_id text)
LANGUAGE plpgsql STABLE ROWS 5 SET search_path = '' AS $$
#variable_conflict use_column
BEGIN
    IF EXISTS (
        SELECT FROM jobrunner.attendee AS a
        WHERE a.entity_type = reminder_receivers.entity_type AND a.entity_id = reminder_receivers.entity_id
    ) THEN
        RETURN QUERY
        SELECT a.user_id::text
        FROM jobrunner.attendee AS a
        WHERE a.entity_type = reminder_receivers.entity_type
            AND a.entity_id = reminder_receivers.entity_id
            AND coalesce(a.status::text, 'None') <> 'Declined';
    ELSE
        RETURN QUERY
        SELECT o.assigned_user_id
        FROM jobrunner.occasion(reminder_receivers.entity_type, reminder_receivers.entity_id) AS o
        WHERE o.assigned_user_id IS NOT NULL;
    END IF;
END;
$$;

-- All reminders that a record calls for, past ones too.
CREATE FUNCTION jobrunner.wanted_reminders(entity_type text, entity_id text)
RETURNS TABLE (user_id text, type jobrunner.reminder_type, seconds integer, start_at timestamptz, remind_at timestamptz, is_any_ahead boolean)
LANGUAGE plpgsql STABLE ROWS 10 SET search_path = '' AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH receiver AS (
        SELECT
            u.id::text AS user_id,
            coalesce(o.start_at, jobrunner.local_midnight(o.start_date, u.time_zone::text)) AS start_at,
            coalesce(
                own.reminders,
                everybody.reminders,
                CASE WHEN wanted_reminders.entity_type = 'Task' THEN u.default_reminders_task ELSE u.default_reminders END
            )::jsonb AS reminders
        FROM jobrunner.occasion(wanted_reminders.entity_type, wanted_reminders.entity_id) AS o
        CROSS JOIN jobrunner.reminder_receivers(wanted_reminders.entity_type, wanted_reminders.entity_id) AS r
        JOIN jobrunner.app_user AS u ON u.id = r.user_id
        LEFT JOIN jobrunner.reminder_list AS own
            ON own.entity_type = wanted_reminders.entity_type
            AND own.entity_id = wanted_reminders.entity_id
            AND own.user_id = u.id
        LEFT JOIN jobrunner.reminder_list AS everybody
            ON everybody.entity_type = wanted_reminders.entity_type
            AND everybody.entity_id = wanted_reminders.entity_id
            AND everybody.user_id IS NULL
        WHERE o.is_open
    ), moment AS (
        SELECT DISTINCT
            receiver.user_id,
            (e.item ->> 'type')::jobrunner.reminder_type AS type,
            (e.item ->> 'seconds')::integer AS seconds,
            receiver.start_at,
            receiver.start_at - make_interval(secs => (e.item ->> 'seconds')::integer) AS remind_at
        FROM receiver
        CROSS JOIN LATERAL jsonb_array_elements(receiver.reminders) WITH ORDINALITY AS e (item, place)
        WHERE receiver.start_at IS NOT NULL AND e.place <= 10
    )
    SELECT
        moment.user_id,
        moment.type,
        moment.seconds,
        moment.start_at,
        moment.remind_at,
        bool_or(moment.remind_at > now()) OVER (PARTITION BY moment.user_id, moment.type)
    FROM moment;
END;
$$;

-- Adds a job for that moment, or now if it is past or NULL, unless one waits for it already; returns its id, or NULL. The key
-- has the transaction's number in it: with a key of the moment alone, two transactions that save records of the same hour
-- would wait for one another, and could deadlock.
CREATE FUNCTION jobrunner.wake_job_at(name text, moment timestamptz) RETURNS bigint
LANGUAGE plpgsql SET search_path = '' SET jit = off AS $$
DECLARE
    due constant timestamptz := greatest(moment, now());
BEGIN
    -- One that starts within seconds may have looked already by the time this transaction commits.
    IF due > clock_timestamp() + interval '5 seconds' AND EXISTS (
        SELECT
        FROM jobrunner.job AS j
        WHERE j.execute_at = due
            AND j.hold IN ('Time', 'Retry')  -- the condition of the index job_due
            AND j.hold = 'Time'
            AND j.name = wake_job_at.name
            AND NOT j.cancel_requested
    ) THEN
        RETURN NULL;
    END IF;
    RETURN jobrunner.enqueue(
        wake_job_at.name,
        execute_at => due,
        unique_key => pg_catalog.format(
            '%s/%s/%s', wake_job_at.name, pg_catalog.to_char(extract(epoch FROM due), 'FM999999999990.000000'), pg_catalog.pg_current_xact_id()
        )
    );
END;
$$;

-- The same for each of these moments; returns how many jobs were added.
CREATE FUNCTION jobrunner.wake_job(name text, moments timestamptz[]) RETURNS integer
LANGUAGE plpgsql SET search_path = '' SET jit = off AS $$
DECLARE
    moment timestamptz;
    added integer := 0;
BEGIN
    FOR moment IN
        SELECT DISTINCT greatest(m.at, now())
        FROM unnest(moments) AS m (at)
        ORDER BY 1
    LOOP
        IF jobrunner.wake_job_at(wake_job.name, moment) IS NOT NULL THEN
            added := added + 1;
        END IF;
    END LOOP;
    RETURN added;
END;
$$;

-- Public: makes, moves and removes the reminders of one record so that they fit it, in the caller's transaction, and
-- wakes the job at each one's time. Returns how many wait. May be called any number of times; what does not change stays.
-- (Compiling these small statements would take longer than a thousand runs of them.)
CREATE FUNCTION jobrunner.plan_reminders(entity_type text, entity_id text) RETURNS integer
LANGUAGE plpgsql SET search_path = '' SET jit = off AS $$
#variable_conflict use_column
DECLARE
    moments timestamptz[];
    popup_moments timestamptz[];
    waiting integer;
BEGIN
    IF plan_reminders.entity_type IS NULL OR plan_reminders.entity_type NOT IN ('Meeting', 'Call', 'Task') THEN
        RAISE EXCEPTION 'reminders are of a Meeting, a Call or a Task, got %', coalesce(plan_reminders.entity_type, 'NULL')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF plan_reminders.entity_id IS NULL THEN
        RAISE EXCEPTION 'plan_reminders needs the id of a %', plan_reminders.entity_type USING ERRCODE = 'invalid_parameter_value';
    END IF;

    INSERT INTO jobrunner.reminder_plan AS p (entity_type, entity_id)
    VALUES (plan_reminders.entity_type, plan_reminders.entity_id)
    ON CONFLICT (entity_type, entity_id) DO UPDATE SET planned_at = now();

    DELETE FROM jobrunner.reminder AS r
    WHERE r.entity_type = plan_reminders.entity_type
        AND r.entity_id = plan_reminders.entity_id
        AND r.finished_at IS NULL
        AND NOT EXISTS (
            SELECT
            FROM jobrunner.wanted_reminders(plan_reminders.entity_type, plan_reminders.entity_id) AS w
            WHERE w.user_id = r.user_id
                AND w.type = r.type
                AND CASE
                    WHEN r.seconds IS NULL THEN w.start_at = r.start_at AND NOT w.is_any_ahead
                    ELSE w.remind_at = r.remind_at
                END
        );

    -- The moment stays, but it is another start, so much more or less ahead.
    UPDATE jobrunner.reminder AS r
    SET start_at = w.start_at,
        seconds = w.seconds
    FROM jobrunner.wanted_reminders(plan_reminders.entity_type, plan_reminders.entity_id) AS w
    WHERE r.entity_type = plan_reminders.entity_type
        AND r.entity_id = plan_reminders.entity_id
        AND r.finished_at IS NULL
        AND r.seconds IS NOT NULL
        AND w.user_id = r.user_id
        AND w.type = r.type
        AND w.remind_at = r.remind_at
        AND (w.start_at, w.seconds) <> (r.start_at, r.seconds);

    WITH wanted AS (
        SELECT w.*
        FROM jobrunner.wanted_reminders(plan_reminders.entity_type, plan_reminders.entity_id) AS w
    ), ahead AS (
        SELECT
            w.user_id,
            w.type,
            w.seconds,
            w.start_at,
            w.remind_at
        FROM wanted AS w
        WHERE w.remind_at > now()
    ), for_now AS (
        -- All moments of a type have passed and the start has not: one reminder, at once, unless there was one for
        -- this start already.
        SELECT DISTINCT
            w.user_id,
            w.type,
            NULL::integer AS seconds,
            w.start_at,
            now() AS remind_at
        FROM wanted AS w
        WHERE NOT w.is_any_ahead
            AND w.start_at > now()
            AND NOT EXISTS (
                SELECT
                FROM jobrunner.reminder AS r
                WHERE r.entity_type = plan_reminders.entity_type
                    AND r.entity_id = plan_reminders.entity_id
                    AND r.user_id = w.user_id
                    AND r.type = w.type
                    AND r.start_at = w.start_at
            )
    ), added AS (
        INSERT INTO jobrunner.reminder AS r (
            entity_type, entity_id, user_id, type, seconds, start_at, remind_at, next_attempt_at
        )
        SELECT plan_reminders.entity_type, plan_reminders.entity_id, n.user_id, n.type, n.seconds, n.start_at, n.remind_at, n.remind_at
        FROM (SELECT * FROM ahead UNION ALL SELECT * FROM for_now) AS n
        ORDER BY n.remind_at, n.user_id
        ON CONFLICT (entity_type, entity_id, user_id, type, remind_at) DO NOTHING
        RETURNING r.type, r.remind_at
    )
    SELECT
        array_agg(DISTINCT added.remind_at) FILTER (WHERE added.type = 'Email'),
        array_agg(DISTINCT added.remind_at) FILTER (WHERE added.type = 'Popup')
    INTO moments, popup_moments
    FROM added;
    PERFORM jobrunner.wake_job('SendEmailReminders', moments);
    PERFORM jobrunner.wake_job('SubmitPopupReminders', popup_moments);

    SELECT count(*) INTO waiting
    FROM jobrunner.reminder AS r
    WHERE r.entity_type = plan_reminders.entity_type
        AND r.entity_id = plan_reminders.entity_id
        AND r.state = 'Waiting';
    IF waiting = 0 THEN
        DELETE FROM jobrunner.reminder_plan AS p
        WHERE p.entity_type = plan_reminders.entity_type AND p.entity_id = plan_reminders.entity_id;
    END IF;
    RETURN waiting;
END;
$$;

CREATE FUNCTION jobrunner.plan_changed_record() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM jobrunner.attendee AS a WHERE a.entity_type = TG_ARGV[0] AND a.entity_id = OLD.id;
        DELETE FROM jobrunner.reminder_list AS l WHERE l.entity_type = TG_ARGV[0] AND l.entity_id = OLD.id;
        PERFORM jobrunner.plan_reminders(TG_ARGV[0], OLD.id);
    ELSE
        PERFORM jobrunner.plan_reminders(TG_ARGV[0], NEW.id);
    END IF;
    RETURN NULL;
END;
$$;

CREATE TRIGGER plan_new_or_gone AFTER INSERT OR DELETE ON jobrunner.meeting
FOR EACH ROW EXECUTE FUNCTION jobrunner.plan_changed_record('Meeting');
CREATE TRIGGER plan_changed AFTER UPDATE OF date_start, date_start_date, status, deleted, assigned_user_id ON jobrunner.meeting
FOR EACH ROW
WHEN (
    (OLD.date_start, OLD.date_start_date, OLD.status, OLD.deleted, OLD.assigned_user_id)
    IS DISTINCT FROM (NEW.date_start, NEW.date_start_date, NEW.status, NEW.deleted, NEW.assigned_user_id)
)
EXECUTE FUNCTION jobrunner.plan_changed_record('Meeting');

CREATE TRIGGER plan_new_or_gone AFTER INSERT OR DELETE ON jobrunner.call
FOR EACH ROW EXECUTE FUNCTION jobrunner.plan_changed_record('Call');
CREATE TRIGGER plan_changed AFTER UPDATE OF date_start, date_start_date, status, deleted, assigned_user_id ON jobrunner.call
FOR EACH ROW
WHEN (
    (OLD.date_start, OLD.date_start_date, OLD.status, OLD.deleted, OLD.assigned_user_id)
    IS DISTINCT FROM (NEW.date_start, NEW.date_start_date, NEW.status, NEW.deleted, NEW.assigned_user_id)
)
EXECUTE FUNCTION jobrunner.plan_changed_record('Call');

CREATE TRIGGER plan_new_or_gone AFTER INSERT OR DELETE ON jobrunner.task
FOR EACH ROW EXECUTE FUNCTION jobrunner.plan_changed_record('Task');
CREATE TRIGGER plan_changed AFTER UPDATE OF date_end, date_end_date, status, deleted, assigned_user_id ON jobrunner.task
FOR EACH ROW
WHEN (
    (OLD.date_end, OLD.date_end_date, OLD.status, OLD.deleted, OLD.assigned_user_id)
    IS DISTINCT FROM (NEW.date_end, NEW.date_end_date, NEW.status, NEW.deleted, NEW.assigned_user_id)
)
EXECUTE FUNCTION jobrunner.plan_changed_record('Task');

-- For a change of who takes part, and of how far ahead they are reminded: once for each record of a statement, so that
-- five hundred attendees are not planned five hundred times.
CREATE FUNCTION jobrunner.plan_records_of_rows() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    record record;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        FOR record IN
            SELECT d.entity_type, d.entity_id
            FROM ((TABLE former EXCEPT TABLE changed) UNION ALL (TABLE changed EXCEPT TABLE former)) AS d
            GROUP BY 1, 2
            ORDER BY 1, 2
        LOOP
            PERFORM jobrunner.plan_reminders(record.entity_type, record.entity_id);
        END LOOP;
    ELSE
        FOR record IN
            SELECT c.entity_type, c.entity_id
            FROM changed AS c
            GROUP BY 1, 2
            ORDER BY 1, 2
        LOOP
            PERFORM jobrunner.plan_reminders(record.entity_type, record.entity_id);
        END LOOP;
    END IF;
    RETURN NULL;
END;
$$;

CREATE TRIGGER plan_new AFTER INSERT ON jobrunner.attendee
REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.plan_records_of_rows();
CREATE TRIGGER plan_changed AFTER UPDATE ON jobrunner.attendee
REFERENCING OLD TABLE AS former NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.plan_records_of_rows();
CREATE TRIGGER plan_gone AFTER DELETE ON jobrunner.attendee
REFERENCING OLD TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.plan_records_of_rows();

CREATE TRIGGER plan_new AFTER INSERT ON jobrunner.reminder_list
REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.plan_records_of_rows();
CREATE TRIGGER plan_changed AFTER UPDATE ON jobrunner.reminder_list
REFERENCING OLD TABLE AS former NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.plan_records_of_rows();
CREATE TRIGGER plan_gone AFTER DELETE ON jobrunner.reminder_list
REFERENCING OLD TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.plan_records_of_rows();

-- Another zone has its midnight at another moment.
CREATE FUNCTION jobrunner.plan_records_of_user() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    record record;
BEGIN
    FOR record IN
        SELECT DISTINCT r.entity_type, r.entity_id
        FROM jobrunner.reminder AS r
        WHERE r.user_id = NEW.id AND r.finished_at IS NULL
        ORDER BY 1, 2
    LOOP
        PERFORM jobrunner.plan_reminders(record.entity_type, record.entity_id);
    END LOOP;
    RETURN NULL;
END;
$$;

CREATE TRIGGER plan_moved AFTER UPDATE OF time_zone ON jobrunner.app_user
FOR EACH ROW WHEN (OLD.time_zone IS DISTINCT FROM NEW.time_zone)
EXECUTE FUNCTION jobrunner.plan_records_of_user();
