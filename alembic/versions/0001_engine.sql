-- The engine: jobs waiting and running, jobs finished, claims, daemons, definitions, scheduled jobs, settings.
-- The reasons stand in docs/concepts.md and in the essays of jobrunner/queue and jobrunner/scheduling.

CREATE TYPE jobrunner.job_status AS ENUM (
    'Pending',    -- waits: for its time, its group, or a free place
    'Running',    -- claimed by a daemon, whose lease keeps it
    'Success',    -- the function returned; final, never runs again
    'Failed',     -- no attempt left, deadline passed on the last one, or its data is bad
    'Cancelled'   -- by a person, an application, or an edit of its scheduled job
);

CREATE TYPE jobrunner.job_hold AS ENUM (
    'Time',       -- execute_at was ahead, or the job has a group and was not sorted in yet
    'Retry',      -- waits for its next attempt; it keeps its group closed meanwhile
    'Group'       -- another job of its group is open
);

CREATE TYPE jobrunner.scheduled_job_status AS ENUM ('Active', 'Inactive');

CREATE TYPE jobrunner.attempt_outcome AS ENUM (
    'Error',      -- the function raised
    'Timeout',    -- its deadline passed
    'Died',       -- its process ended
    'Lost',       -- the daemon's lease ran out: killed, frozen or cut off
    'Stopped'     -- returned by a daemon that stopped; the attempt is not used up
);

-- What daemons say that they can run, so that SQL applies the same defaults and `why` can name who knows a job.
CREATE TABLE jobrunner.definition (
    name text PRIMARY KEY,
    blocking boolean NOT NULL,
    queue text NOT NULL,
    max_attempts integer NOT NULL CHECK (max_attempts >= 1),
    deadline interval,
    often boolean NOT NULL,
    fans_out boolean NOT NULL,
    crontab text,
    parameters jsonb NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now()
);

-- One life of one daemon: the id is drawn at each start and never used again.
CREATE TABLE jobrunner.daemon (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    asleep boolean NOT NULL DEFAULT false,
    queues text[],
    definitions text[] NOT NULL,
    state jsonb NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);

-- A claim is a batch of jobs taken at once; its id is the token that every later write about them carries.
-- No index on expires_at: so each renewal is a HOT update, and the sweep reads the few rows there are.
CREATE TABLE jobrunner.claim (
    id bigint PRIMARY KEY,
    daemon_id bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    job_ids bigint[] NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX claim_of_daemon ON jobrunner.claim (daemon_id);

CREATE TABLE jobrunner.scheduled_job (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> '' AND length(name) <= 255),
    job text NOT NULL CHECK (job <> '' AND length(job) <= 255),
    crontab text NOT NULL,
    time_zone text,
    status jobrunner.scheduled_job_status NOT NULL DEFAULT 'Active',
    data jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(data) = 'object'),
    revision bigint NOT NULL DEFAULT 1,
    next_fire_at timestamptz,
    last_fire_at timestamptz,
    problem text,
    is_default boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    modified_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- Jobs waiting or running, and nothing else: what is finished moves to job_history.
-- A claim changes status, claim_id, attempt and started_at: none of them stands in an index or in the
-- predicate of one, so that a claim is a HOT update (a test counts them).
CREATE TABLE jobrunner.job (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    execute_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    claim_id bigint,
    priority integer NOT NULL DEFAULT 0,
    attempt integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL DEFAULT 3 CHECK (max_attempts >= 1),
    lost_leases integer NOT NULL DEFAULT 0,
    status jobrunner.job_status NOT NULL DEFAULT 'Pending',
    hold jobrunner.job_hold,
    blocking boolean NOT NULL DEFAULT false,
    preparing boolean NOT NULL DEFAULT false,
    cancel_requested boolean NOT NULL DEFAULT false,
    name text NOT NULL CHECK (name <> '' AND length(name) <= 255),
    queue text NOT NULL DEFAULT 'main' CHECK (queue <> '' AND length(queue) <= 64),
    group_name text CHECK (group_name <> '' AND length(group_name) <= 255),
    unique_key text CHECK (unique_key <> '' AND length(unique_key) <= 255),
    target_type text CHECK (length(target_type) <= 255),
    target_id text CHECK (length(target_id) <= 255),
    scheduled_job_id bigint,
    firing timestamptz,
    first_firing timestamptz,
    firings integer,
    progress real,
    progress_message text,
    error text,
    data jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(data) = 'object'),
    CHECK (status IN ('Pending', 'Running')),
    CHECK ((status = 'Running') = (claim_id IS NOT NULL)),
    CHECK ((status = 'Running') = (started_at IS NOT NULL))
) WITH (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0
);
-- What a claim reads, in claim order. Rows that wait for time or group are not in it.
CREATE INDEX job_ready ON jobrunner.job (queue, blocking, priority, execute_at, id) WHERE hold IS NULL;
-- What becomes ready by time.
CREATE INDEX job_due ON jobrunner.job (execute_at, id) WHERE hold IN ('Time', 'Retry');
-- One job of a group is open at a time: the table refuses a second one.
CREATE UNIQUE INDEX job_open_in_group ON jobrunner.job (group_name)
    WHERE group_name IS NOT NULL AND (hold IS NULL OR hold = 'Retry');
CREATE INDEX job_waiting_in_group ON jobrunner.job (group_name, priority, execute_at, id) WHERE hold = 'Group';
CREATE UNIQUE INDEX job_unique_key ON jobrunner.job (unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX job_of_scheduled_job ON jobrunner.job (scheduled_job_id) WHERE scheduled_job_id IS NOT NULL;

-- Finished jobs. Failed ones stand apart since they are kept longer; each side by day, so that
-- retention is dropping a table.
CREATE TABLE jobrunner.job_history (
    id bigint NOT NULL,
    execute_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz NOT NULL,
    claim_id bigint,
    priority integer NOT NULL,
    attempt integer NOT NULL,
    max_attempts integer NOT NULL,
    status jobrunner.job_status NOT NULL,
    blocking boolean NOT NULL,
    preparing boolean NOT NULL,
    name text NOT NULL,
    queue text NOT NULL,
    group_name text,
    unique_key text,
    target_type text,
    target_id text,
    scheduled_job_id bigint,
    firing timestamptz,
    first_firing timestamptz,
    firings integer,
    daemon text,
    error text,
    result jsonb,
    data jsonb NOT NULL,
    CHECK (status IN ('Success', 'Failed', 'Cancelled'))
) PARTITION BY LIST (status);
CREATE INDEX job_history_id ON jobrunner.job_history (id);
CREATE INDEX job_history_of_scheduled_job ON jobrunner.job_history (scheduled_job_id, finished_at)
    WHERE scheduled_job_id IS NOT NULL;
CREATE TABLE jobrunner.job_history_done PARTITION OF jobrunner.job_history
    FOR VALUES IN ('Success', 'Cancelled') PARTITION BY RANGE (finished_at);
CREATE TABLE jobrunner.job_history_failed PARTITION OF jobrunner.job_history
    FOR VALUES IN ('Failed') PARTITION BY RANGE (finished_at);
CREATE TABLE jobrunner.job_history_done_default PARTITION OF jobrunner.job_history_done DEFAULT;
CREATE TABLE jobrunner.job_history_failed_default PARTITION OF jobrunner.job_history_failed DEFAULT;

-- Attempts that ended without finishing their job.
CREATE TABLE jobrunner.attempt (
    job_id bigint NOT NULL,
    attempt integer NOT NULL,
    outcome jobrunner.attempt_outcome NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL DEFAULT now(),
    claim_id bigint NOT NULL,
    daemon text,
    name text NOT NULL,
    target_type text,
    target_id text,
    scheduled_job_id bigint,
    error text
);
CREATE INDEX attempt_of_job ON jobrunner.attempt (job_id);
CREATE INDEX attempt_by_end ON jobrunner.attempt (ended_at);
CREATE INDEX attempt_of_scheduled_job ON jobrunner.attempt (scheduled_job_id, ended_at)
    WHERE scheduled_job_id IS NOT NULL;

-- What a job logged or printed, per attempt.
CREATE TABLE jobrunner.job_log (
    line bigint GENERATED ALWAYS AS IDENTITY,
    job_id bigint NOT NULL,
    attempt integer NOT NULL,
    at timestamptz NOT NULL,
    level smallint NOT NULL,
    logger text NOT NULL,
    message text NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX job_log_of_job ON jobrunner.job_log (job_id, line);
CREATE TABLE jobrunner.job_log_default PARTITION OF jobrunner.job_log DEFAULT;

CREATE TABLE jobrunner.setting (
    name text PRIMARY KEY,
    value jsonb NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by text NOT NULL DEFAULT current_user
);

-- Counts edits, so that a daemon whose notifications do not arrive still sees them by reading one small table.
CREATE TABLE jobrunner.revision (
    topic text PRIMARY KEY,
    number bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO jobrunner.revision (topic) VALUES ('settings'), ('scheduled_jobs'), ('cancellations');

CREATE FUNCTION jobrunner.announce(topic text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    UPDATE jobrunner.revision AS r
    SET number = r.number + 1
    WHERE r.topic = announce.topic;
    PERFORM pg_catalog.pg_notify('jobrunner_change', announce.topic);
END;
$$;

CREATE FUNCTION jobrunner.announce_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    PERFORM jobrunner.announce(TG_ARGV[0]);
    RETURN NULL;
END;
$$;

CREATE TRIGGER announce_setting
AFTER INSERT OR UPDATE OR DELETE ON jobrunner.setting
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.announce_change('settings');

-- Wakes daemons that said they sleep. NOTIFY takes a lock of the whole cluster at commit, so busy daemons,
-- which look at the table by themselves, are not told. A transaction whose snapshot is older than this call
-- cannot see who sleeps: it always tells.
CREATE FUNCTION jobrunner.wake(queue text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF pg_catalog.current_setting('transaction_isolation') <> 'read committed'
        OR EXISTS (SELECT FROM jobrunner.daemon AS d WHERE d.asleep) THEN
        PERFORM pg_catalog.pg_notify('jobrunner_wake', queue);
    END IF;
END;
$$;

-- Opens each named group whose open job is gone: the first of those that wait becomes ready.
-- The caller holds the lock of jobrunner.lock_groups().
CREATE FUNCTION jobrunner.open_groups(group_names text[]) RETURNS integer
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    opened integer;
    woken text;
BEGIN
    WITH closed AS (
        SELECT DISTINCT g.name
        FROM unnest(group_names) AS g (name)
        WHERE NOT EXISTS (
            SELECT FROM jobrunner.job AS j
            WHERE j.group_name = g.name AND (j.hold IS NULL OR j.hold = 'Retry')
        )
    ), first_waiting AS (
        SELECT f.id
        FROM closed
        CROSS JOIN LATERAL (
            SELECT j.id
            FROM jobrunner.job AS j
            WHERE j.group_name = closed.name AND j.hold = 'Group'
            ORDER BY j.priority, j.execute_at, j.id
            LIMIT 1
        ) AS f
    ), locked AS (
        SELECT j.id
        FROM jobrunner.job AS j
        JOIN first_waiting USING (id)
        ORDER BY j.id
        -- One that an open transaction cancels is not waited for: all groups would wait with it. A repair opens its group.
        FOR UPDATE OF j SKIP LOCKED
    ), ready AS (
        UPDATE jobrunner.job AS j
        SET hold = NULL
        FROM locked
        WHERE j.id = locked.id AND j.hold = 'Group'
        RETURNING j.queue
    )
    SELECT count(*), min(ready.queue) INTO opened, woken FROM ready;
    IF opened > 0 THEN
        PERFORM jobrunner.wake(woken);
    END IF;
    RETURN opened;
END;
$$;

-- One lock for all that opens groups. It must be taken by a statement of its own: the next one then
-- sees what the former holder wrote (in one statement the snapshot would be older than the lock).
CREATE FUNCTION jobrunner.lock_groups() RETURNS void
LANGUAGE sql AS $$
    SELECT pg_catalog.pg_advisory_xact_lock(5717442301842)
$$;

-- Opens groups whose open job was finished: the lock, then the opening, each with a snapshot of its own.
CREATE FUNCTION jobrunner.advance_groups(group_names text[]) RETURNS integer
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    PERFORM jobrunner.lock_groups();
    RETURN jobrunner.open_groups(group_names);
END;
$$;

-- Lets go what waited for its time, at most `portion` rows; returns how many, and when the next one is due.
CREATE FUNCTION jobrunner.release_due(portion integer, OUT released integer, OUT next_due timestamptz)
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    arrived text[];
    woken text;
    moment timestamptz := clock_timestamp();  -- called once: a volatile function is no condition for an index
BEGIN
    released := 0;
    IF EXISTS (
        SELECT FROM jobrunner.job AS j
        WHERE j.hold IN ('Time', 'Retry') AND j.execute_at <= moment
    ) THEN
        PERFORM jobrunner.lock_groups();
        WITH due AS (
            SELECT j.id
            FROM jobrunner.job AS j
            WHERE j.hold IN ('Time', 'Retry') AND j.execute_at <= moment
            ORDER BY j.execute_at, j.id
            LIMIT portion
            FOR UPDATE SKIP LOCKED
        ), let_go AS (
            UPDATE jobrunner.job AS j
            SET hold = CASE WHEN j.group_name IS NULL OR j.hold = 'Retry' THEN NULL ELSE 'Group' END::jobrunner.job_hold
            FROM due
            WHERE j.id = due.id
            RETURNING j.queue, j.hold, j.group_name
        )
        SELECT
            count(*),
            min(let_go.queue) FILTER (WHERE let_go.hold IS NULL),
            array_agg(DISTINCT let_go.group_name) FILTER (WHERE let_go.hold = 'Group')
        INTO released, woken, arrived
        FROM let_go;
        IF arrived IS NOT NULL THEN
            PERFORM jobrunner.open_groups(arrived);
        END IF;
        IF woken IS NOT NULL THEN
            PERFORM jobrunner.wake(woken);
        END IF;
    END IF;
    SELECT j.execute_at INTO next_due
    FROM jobrunner.job AS j
    WHERE j.hold IN ('Time', 'Retry')
    ORDER BY j.execute_at
    LIMIT 1;
END;
$$;

-- What a daemon sees when it looks: releases what is due, then names each queue that has jobs ready, apart for
-- coroutines and blocking jobs. One row at least; queue is NULL where nothing is ready. `oldest` is the oldest
-- transaction still open, `horizon` the first one not begun: an enqueue that overlapped a daemon's falling asleep may
-- commit unannounced, until `oldest` has reached the horizon of that moment.
CREATE FUNCTION jobrunner.look(portion integer)
RETURNS TABLE (queue text, blocking boolean, next_due_in double precision, oldest xid8, horizon xid8)
LANGUAGE plpgsql SET search_path = '' AS $$
#variable_conflict use_column
DECLARE
    due timestamptz;
BEGIN
    SELECT r.next_due INTO due FROM jobrunner.release_due(portion) AS r;
    next_due_in := extract(epoch FROM due - clock_timestamp());
    oldest := pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot());
    horizon := pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot());
    RETURN QUERY
    WITH RECURSIVE lane AS (
        (
            SELECT j.queue, j.blocking
            FROM jobrunner.job AS j
            WHERE j.hold IS NULL
            ORDER BY j.queue, j.blocking
            LIMIT 1
        )
        UNION ALL
        SELECT n.queue, n.blocking
        FROM lane
        CROSS JOIN LATERAL (
            SELECT j.queue, j.blocking
            FROM jobrunner.job AS j
            WHERE j.hold IS NULL AND (j.queue, j.blocking) > (lane.queue, lane.blocking)
            ORDER BY j.queue, j.blocking
            LIMIT 1
        ) AS n
    )
    SELECT lane.queue, lane.blocking, next_due_in, oldest, horizon
    FROM (SELECT) AS one
    LEFT JOIN lane ON true;
END;
$$;

-- Groups that wait though nothing of them is open: a daemon died between a finish and the opening.
CREATE FUNCTION jobrunner.repair_groups() RETURNS integer
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    stuck text[];
BEGIN
    WITH RECURSIVE waiting AS (
        (
            SELECT j.group_name
            FROM jobrunner.job AS j
            WHERE j.hold = 'Group'
            ORDER BY j.group_name
            LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT j.group_name
            FROM jobrunner.job AS j
            WHERE j.hold = 'Group' AND j.group_name > waiting.group_name
            ORDER BY j.group_name
            LIMIT 1
        )
        FROM waiting
        WHERE waiting.group_name IS NOT NULL
    )
    SELECT array_agg(w.group_name) INTO stuck
    FROM waiting AS w
    WHERE w.group_name IS NOT NULL AND NOT EXISTS (
        SELECT FROM jobrunner.job AS j
        WHERE j.group_name = w.group_name AND (j.hold IS NULL OR j.hold = 'Retry')
    );
    IF stuck IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM jobrunner.lock_groups();
    RETURN jobrunner.open_groups(stuck);
END;
$$;

-- What jsonb holds but a job cannot: more than 1 MiB, more than 100 levels, numbers beyond a double. The limits are
-- those of jobrunner/queue/data.py; NUL characters, halves of surrogate pairs and NaN are refused by jsonb itself.
CREATE FUNCTION jobrunner.refuse_data(data jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
DECLARE
    size integer := pg_catalog.octet_length(data::text);
BEGIN
    IF pg_catalog.jsonb_typeof(data) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'a job''s data must be a JSON object, got %', coalesce(pg_catalog.jsonb_typeof(data), 'NULL')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF size > 1048576 THEN
        RAISE EXCEPTION 'a job''s data may have at most 1 MiB, got % bytes: store it elsewhere and pass its id', size
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- 101 levels need more letters than this, and so do 309 digits.
    IF size <= 200 THEN
        RETURN;
    END IF;
    IF pg_catalog.jsonb_path_exists(data, 'strict $.**{101}') THEN
        RAISE EXCEPTION 'a job''s data may be nested at most 100 levels deep'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF size > 308 AND pg_catalog.jsonb_path_exists(
        data,
        'strict $.** ? (@.type() == "number" && (@ > 1.7976931348623157e308 || @ < -1.7976931348623157e308))'
    ) THEN
        RAISE EXCEPTION 'a job''s data may hold numbers up to 1.8e308 only'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
END;
$$;

-- Refuses a name of something that has to do with a job. The rules are those of jobrunner/queue/new_job.py.
CREATE FUNCTION jobrunner.refuse_name(what text, name text, longest integer) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    IF length(name) NOT BETWEEN 1 AND longest THEN
        RAISE EXCEPTION '% must have 1 to % letters, got %', what, longest, length(name)
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF name ~ '[\u0001-\u001F\u007F-\u009F\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069\uFEFF]' THEN
        RAISE EXCEPTION '% may not contain control characters or marks of writing direction', what
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
END;
$$;

-- Public: adds one job in the caller's transaction and returns its id. Where a Pending or Running job
-- has the unique key already, returns that job's id and adds nothing.
CREATE FUNCTION jobrunner.enqueue(
    name text,
    data jsonb DEFAULT '{}',
    queue text DEFAULT NULL,
    group_name text DEFAULT NULL,
    execute_at timestamptz DEFAULT NULL,
    delay interval DEFAULT NULL,
    priority integer DEFAULT NULL,
    target_type text DEFAULT NULL,
    target_id text DEFAULT NULL,
    max_attempts integer DEFAULT NULL,
    unique_key text DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql SET search_path = '' AS $$
#variable_conflict use_variable
DECLARE
    defaults record;
    due timestamptz := coalesce(execute_at, now()) + coalesce(delay, interval '0');
    new_id bigint;
BEGIN
    IF name IS NULL THEN
        RAISE EXCEPTION 'a job must have a name' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- One look at all names together; each for itself only where there may be something.
    IF greatest(length(name), length(queue), length(group_name), length(unique_key), length(target_type), length(target_id)) > 64
        OR least(length(name), length(queue), length(group_name), length(unique_key), length(target_type), length(target_id)) < 1
        OR pg_catalog.concat(name, queue, group_name, unique_key, target_type, target_id) ~ '[^ -~]'
    THEN
        PERFORM jobrunner.refuse_name('a job''s name', name, 255);
        PERFORM jobrunner.refuse_name('a queue''s name', queue, 64);
        PERFORM jobrunner.refuse_name('a group''s name', group_name, 255);
        PERFORM jobrunner.refuse_name('a unique key', unique_key, 255);
        PERFORM jobrunner.refuse_name('a target''s type', target_type, 255);
        PERFORM jobrunner.refuse_name('a target''s id', target_id, 255);
    END IF;
    IF queue LIKE ANY (ARRAY['%,%', ' %', '% ']) THEN
        RAISE EXCEPTION 'a queue''s name may not contain commas or have blanks around it, got %', queue USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF group_name LIKE '~%' THEN
        RAISE EXCEPTION 'a group''s name may not begin with ~, got %', group_name USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF max_attempts < 1 OR max_attempts > 1000 THEN
        RAISE EXCEPTION 'max_attempts must be from 1 to 1000, got %', max_attempts USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF delay < interval '0' OR delay > interval '36500 days' THEN
        RAISE EXCEPTION 'delay must be from 0 to 3153600000 s (a hundred years), got %', delay USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT pg_catalog.isfinite(due) THEN
        RAISE EXCEPTION 'execute_at must be a finite time, got %', due USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM jobrunner.refuse_data(data);
    SELECT d.queue, d.max_attempts, d.blocking INTO defaults
    FROM jobrunner.definition AS d
    WHERE d.name = enqueue.name;
    LOOP
        INSERT INTO jobrunner.job AS j (
            name, data, queue, group_name, execute_at, priority, target_type, target_id,
            max_attempts, unique_key, blocking, hold
        ) VALUES (
            name, data, coalesce(queue, defaults.queue, 'main'), group_name, due, coalesce(priority, 0), target_type, target_id,
            coalesce(max_attempts, defaults.max_attempts, 3), unique_key, coalesce(defaults.blocking, false),
            CASE WHEN group_name IS NOT NULL OR due > now() THEN 'Time'::jobrunner.job_hold END
        )
        ON CONFLICT DO NOTHING
        RETURNING j.id INTO new_id;
        EXIT WHEN new_id IS NOT NULL;
        -- Somebody holds the key; not locked here, so that an open transaction never stops that job's finish.
        SELECT j.id INTO new_id FROM jobrunner.job AS j WHERE j.unique_key = enqueue.unique_key;
        IF new_id IS NOT NULL THEN
            RETURN new_id;
        END IF;
    END LOOP;
    PERFORM jobrunner.wake(coalesce(queue, defaults.queue, 'main'));
    RETURN new_id;
END;
$$;

-- Moves Pending jobs to the history as Cancelled. Returns the ids that were moved. Without `advance` their groups are
-- left to the next opening or repair, and the lock of all groups is not taken.
CREATE FUNCTION jobrunner.cancel_pending(job_ids bigint[], reason text, advance boolean DEFAULT true) RETURNS SETOF bigint
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    closed text[];
BEGIN
    WITH locked AS (
        SELECT j.id
        FROM jobrunner.job AS j
        WHERE j.id = ANY(job_ids) AND j.status = 'Pending'
        ORDER BY j.id
        FOR UPDATE
    ), removed AS (
        DELETE FROM jobrunner.job AS j
        USING locked
        WHERE j.id = locked.id AND j.status = 'Pending'
        RETURNING j.*
    ), kept AS (
        INSERT INTO jobrunner.job_history (
            id, execute_at, created_at, started_at, finished_at, claim_id, priority, attempt, max_attempts,
            status, blocking, preparing, name, queue, group_name, unique_key, target_type, target_id,
            scheduled_job_id, firing, first_firing, firings, error, data
        )
        SELECT
            r.id, r.execute_at, r.created_at, r.started_at, clock_timestamp(), r.claim_id, r.priority, r.attempt, r.max_attempts,
            'Cancelled', r.blocking, r.preparing, r.name, r.queue, r.group_name, r.unique_key, r.target_type, r.target_id,
            r.scheduled_job_id, r.firing, r.first_firing, r.firings, reason, r.data
        FROM removed AS r
    )
    -- What only waited in its group kept nobody waiting.
    SELECT array_agg(r.id), array_agg(r.group_name) FILTER (WHERE r.group_name IS NOT NULL AND (r.hold IS NULL OR r.hold = 'Retry'))
    INTO job_ids, closed
    FROM removed AS r;
    IF closed IS NOT NULL AND advance THEN
        PERFORM jobrunner.lock_groups();
        PERFORM jobrunner.open_groups(closed);
    END IF;
    RETURN QUERY SELECT unnest(job_ids);
END;
$$;

-- Public: cancels one job. Pending: it is Cancelled at once. Running: its daemon is asked to stop it.
-- Returns 'Cancelled', 'Requested', the status of a finished job, or NULL where there is none of that id.
CREATE FUNCTION jobrunner.cancel(job_id bigint, reason text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    found_status text;
BEGIN
    PERFORM jobrunner.cancel_pending(ARRAY[job_id], coalesce(reason, 'cancelled by ' || current_user));
    UPDATE jobrunner.job AS j
    SET cancel_requested = true
    WHERE j.id = job_id AND j.status = 'Running';
    IF FOUND THEN
        PERFORM jobrunner.announce('cancellations');
        RETURN 'Requested';
    END IF;
    -- Between the two it may have gone back to Pending, or even on to Running: then once more, with the wish noted,
    -- which whoever claims it next sees.
    UPDATE jobrunner.job AS j SET cancel_requested = true WHERE j.id = job_id;
    IF FOUND THEN
        PERFORM jobrunner.announce('cancellations');
        PERFORM jobrunner.cancel_pending(ARRAY[job_id], coalesce(reason, 'cancelled by ' || current_user));
        RETURN CASE WHEN EXISTS (SELECT FROM jobrunner.job AS j WHERE j.id = job_id) THEN 'Requested' ELSE 'Cancelled' END;
    END IF;
    SELECT h.status::text INTO found_status FROM jobrunner.job_history AS h WHERE h.id = job_id LIMIT 1;
    RETURN found_status;
END;
$$;

-- An edit of crontab, zone, job or status is a new revision: nothing of the old one fires after the commit,
-- and what it had waiting is cancelled. Daemons compute the next fire time where it is missing.
CREATE FUNCTION jobrunner.revise_scheduled_job() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.crontab, NEW.time_zone, NEW.status, NEW.job, NEW.data)
            IS NOT DISTINCT FROM (OLD.crontab, OLD.time_zone, OLD.status, OLD.job, OLD.data)
            AND NEW.revision = OLD.revision THEN
            RETURN NEW;
        END IF;
        NEW.revision := OLD.revision + 1;
        NEW.modified_at := clock_timestamp();  -- under the row's lock: later than any firing of the former revision
        IF (NEW.crontab, NEW.time_zone, NEW.status) IS DISTINCT FROM (OLD.crontab, OLD.time_zone, OLD.status)
            AND NEW.next_fire_at IS NOT DISTINCT FROM OLD.next_fire_at THEN
            NEW.next_fire_at := NULL;
            NEW.problem := NULL;
        END IF;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM jobrunner.cancel_pending(
            (
                SELECT array_agg(j.id)
                FROM jobrunner.job AS j
                WHERE j.scheduled_job_id = OLD.id AND j.status = 'Pending' AND j.attempt = 0 AND j.firing IS NOT NULL
            ),
            CASE TG_OP WHEN 'DELETE' THEN 'its scheduled job was removed' ELSE 'its scheduled job was edited' END,
            -- An edit in a transaction that stays open must not stop every group.
            advance => false
        );
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END;
$$;

CREATE TRIGGER revise_scheduled_job
BEFORE UPDATE OF crontab, time_zone, status, job, data, revision OR DELETE ON jobrunner.scheduled_job
FOR EACH ROW EXECUTE FUNCTION jobrunner.revise_scheduled_job();

CREATE TRIGGER announce_scheduled_job
AFTER INSERT OR UPDATE OF name, crontab, time_zone, status, job, data OR DELETE ON jobrunner.scheduled_job
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.announce_change('scheduled_jobs');

-- Makes the day tables of the history and the log, from yesterday to `days` ahead. Rows that fell into a
-- default table meanwhile move over.
CREATE FUNCTION jobrunner.create_partitions(days integer) RETURNS integer
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    parent record;
    day date;
    partition text;
    made integer := 0;
BEGIN
    PERFORM pg_catalog.pg_advisory_xact_lock(5717442301843);
    FOR parent IN
        SELECT * FROM (VALUES
            ('job_history_done', 'finished_at'),
            ('job_history_failed', 'finished_at'),
            ('job_log', 'at')
        ) AS p (name, key)
    LOOP
        FOR day IN
            SELECT (pg_catalog.timezone('UTC', now()))::date + d
            FROM generate_series(-1, days) AS d
        LOOP
            partition := parent.name || '_' || pg_catalog.to_char(day, 'YYYYMMDD');
            CONTINUE WHEN pg_catalog.to_regclass('jobrunner.' || partition) IS NOT NULL;
            EXECUTE pg_catalog.format('CREATE TABLE jobrunner.%I (LIKE jobrunner.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition, parent.name);
            EXECUTE pg_catalog.format(
                'WITH moved AS (DELETE FROM jobrunner.%1$I WHERE %2$I >= %3$L AND %2$I < %4$L RETURNING *) INSERT INTO jobrunner.%5$I SELECT * FROM moved',
                parent.name || '_default', parent.key, day || ' 00:00+00', (day + 1) || ' 00:00+00', partition
            );
            EXECUTE pg_catalog.format(
                'ALTER TABLE jobrunner.%I ATTACH PARTITION jobrunner.%I FOR VALUES FROM (%L) TO (%L)',
                parent.name, partition, day || ' 00:00+00', (day + 1) || ' 00:00+00'
            );
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END;
$$;

-- Drops the day tables of one parent that ended before the time given, oldest first, one a call (so that each
-- lock is short). One that somebody uses at this moment is passed over. Returns the name of the one dropped, or NULL when
-- there is none left to drop.
CREATE FUNCTION jobrunner.drop_partition(parent text, ended_before timestamptz) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    partition text;
BEGIN
    IF parent NOT IN ('job_history_done', 'job_history_failed', 'job_log') THEN
        RAISE EXCEPTION 'no table % is kept by day', parent USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR partition IN
        SELECT c.relname
        FROM pg_catalog.pg_inherits AS i
        JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = ('jobrunner.' || parent)::regclass
            AND c.relname ~ '_[0-9]{8}$'
            AND (pg_catalog.to_date(right(c.relname, 8), 'YYYYMMDD') + 1)::timestamp AT TIME ZONE 'UTC' <= ended_before
        ORDER BY c.relname
    LOOP
        BEGIN
            -- Not waited for: DROP would hold the parent meanwhile, and with it every job that ends. While we wait for the
            -- parent below, they wait behind us, too: so that is long enough for jobs that end just now, and for no report.
            EXECUTE pg_catalog.format('LOCK TABLE jobrunner.%I IN ACCESS EXCLUSIVE MODE NOWAIT', partition);
        EXCEPTION
            WHEN lock_not_available OR undefined_table THEN CONTINUE;
        END;
        PERFORM pg_catalog.set_config('lock_timeout', '100ms', true);
        EXECUTE pg_catalog.format('DROP TABLE IF EXISTS jobrunner.%I', partition);
        RETURN partition;
    END LOOP;
    RETURN NULL;
END;
$$;

SELECT jobrunner.create_partitions(7);

-- Public: every job, live and finished.
CREATE VIEW jobrunner.jobs AS
SELECT
    j.id, j.name, j.status, j.queue, j.group_name, j.priority, j.attempt, j.max_attempts,
    j.created_at, j.execute_at, j.started_at, NULL::timestamptz AS finished_at,
    j.target_type, j.target_id, j.unique_key, j.scheduled_job_id, j.firing, j.first_firing, j.firings,
    j.progress, j.progress_message, j.data, j.error, NULL::jsonb AS result
FROM jobrunner.job AS j
UNION ALL
SELECT
    h.id, h.name, h.status, h.queue, h.group_name, h.priority, h.attempt, h.max_attempts,
    h.created_at, h.execute_at, h.started_at, h.finished_at,
    h.target_type, h.target_id, h.unique_key, h.scheduled_job_id, h.firing, h.first_firing, h.firings,
    NULL, NULL, h.data, h.error, h.result
FROM jobrunner.job_history AS h;
