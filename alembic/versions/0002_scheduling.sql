-- Scheduled jobs at work: firing, fan-out over targets, going again at once, seeding of the defaults.
-- The reasons stand in the essay of jobrunner/scheduling.

-- Which default scheduled jobs were made once: one that an administrator removed does not come back.
CREATE TABLE jobrunner.seeded_scheduled_job (
    job text PRIMARY KEY,
    seeded_at timestamptz NOT NULL DEFAULT now()
);

-- The group that keeps a scheduled job, or one of its targets, from overlapping itself. As in a JSON pointer, what
-- separates is written out, so that no two targets have one name; one that is too long is shortened to its hash.
CREATE FUNCTION jobrunner.firing_group(scheduled_job_id bigint, name text, target_type text, target_id text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    group_name text := CASE
        WHEN scheduled_job_id IS NULL THEN '~target/' || replace(replace(name, '~', '~0'), '/', '~1')
        ELSE '~schedule/' || scheduled_job_id
    END;
BEGIN
    IF target_type IS NOT NULL OR target_id IS NOT NULL THEN
        group_name := group_name || '/' || replace(replace(coalesce(target_type, ''), '~', '~0'), '/', '~1')
            || '/' || coalesce(target_id, '');
    END IF;
    RETURN CASE WHEN length(group_name) <= 255 THEN group_name ELSE left(group_name, 222) || '/' || md5(group_name) END;
END;
$$;

-- Puts jobs into the queue, one for each element: where one of the same scheduled job and target waits that was never
-- started, the new one is folded into it; else it is added, ready if nothing of its group is open. So at most one
-- waits and one runs. Where `counted` is false (run now, go again), one that waits is enough and stays as it is.
-- `follows` is the firing before this one: a waiting job is the one to fold into only if it ends there, so that a job
-- stands for all firings from first_firing to firing.
-- The caller holds the lock of jobrunner.lock_groups(), taken by a statement of its own: only so is what is seen here
-- newer than what the former holder wrote.
CREATE FUNCTION jobrunner.place_jobs(
    scheduled_job_ids bigint[],
    names text[],
    preparing boolean[],
    target_types text[],
    target_ids text[],
    datas jsonb[],
    firings timestamptz[],
    first_firings timestamptz[],
    counts integer[],
    follows timestamptz[],
    counted boolean
) RETURNS TABLE (place bigint, job_id bigint, added boolean)
LANGUAGE plpgsql SET search_path = '' AS $$
#variable_conflict use_column
DECLARE
    places bigint[];
    job_ids bigint[];
    additions boolean[];
    queues text[];
    groups text[];
BEGIN
    WITH given AS (
        SELECT
            w.*,
            jobrunner.firing_group(w.scheduled_job_id, w.name, w.target_type, w.target_id) AS group_name
        FROM unnest(
            scheduled_job_ids, names, preparing, target_types, target_ids, datas, firings, first_firings, counts, follows
        ) WITH ORDINALITY AS w (
            scheduled_job_id, name, preparing, target_type, target_id, data, firing, first_firing, count, follows, place
        )
    ), wanted AS (
        -- A target named twice is one target.
        SELECT DISTINCT ON (given.group_name) given.*
        FROM given
        ORDER BY given.group_name, given.place
    ), open AS (
        SELECT
            j.group_name,
            j.id,
            j.firing,
            j.status,
            j.attempt
        FROM wanted AS w
        JOIN jobrunner.job AS j ON j.group_name = w.group_name AND (j.hold IS NULL OR j.hold = 'Retry')
    ), waiting AS (
        SELECT
            j.group_name,
            j.id,
            j.firing,
            j.status,
            j.attempt
        FROM wanted AS w
        JOIN jobrunner.job AS j ON j.group_name = w.group_name AND j.hold = 'Group'
    ), last AS (
        SELECT DISTINCT ON (candidate.group_name)
            candidate.group_name,
            candidate.id
        FROM (
            SELECT * FROM open
            UNION ALL
            SELECT * FROM waiting
        ) AS candidate
        JOIN wanted AS w USING (group_name)
        WHERE
            candidate.status = 'Pending'
            AND candidate.attempt = 0
            AND (NOT counted OR candidate.firing IS NULL OR w.follows IS NULL OR candidate.firing = w.follows)
        ORDER BY candidate.group_name, candidate.id DESC
    ), locked AS (
        -- One that is being claimed or cancelled at this moment is passed over, never waited for.
        SELECT
            j.id,
            last.group_name
        FROM jobrunner.job AS j
        JOIN last ON last.id = j.id
        WHERE j.status = 'Pending' AND j.attempt = 0 AND NOT j.cancel_requested
        ORDER BY j.id
        FOR UPDATE OF j SKIP LOCKED
    ), folded AS (
        UPDATE jobrunner.job AS j
        SET
            firing = CASE WHEN counted THEN w.firing ELSE j.firing END,
            first_firing = CASE WHEN counted THEN coalesce(j.first_firing, w.first_firing) ELSE j.first_firing END,
            firings = CASE WHEN counted THEN coalesce(j.firings, 0) + w.count ELSE j.firings END
        FROM locked
        JOIN wanted AS w USING (group_name)
        WHERE j.id = locked.id AND j.status = 'Pending' AND j.attempt = 0
        RETURNING
            j.id,
            w.place,
            j.group_name
    ), added AS (
        INSERT INTO jobrunner.job AS j (
            name,
            data,
            queue,
            blocking,
            max_attempts,
            preparing,
            execute_at,
            group_name,
            hold,
            target_type,
            target_id,
            scheduled_job_id,
            firing,
            first_firing,
            firings
        )
        SELECT
            w.name,
            w.data,
            coalesce(d.queue, 'main'),
            coalesce(d.blocking, false),
            coalesce(d.max_attempts, 3),
            w.preparing,
            CASE WHEN counted THEN w.firing ELSE now() END,
            w.group_name,
            CASE WHEN EXISTS (SELECT FROM open AS o WHERE o.group_name = w.group_name) THEN 'Group'::jobrunner.job_hold END,
            w.target_type,
            w.target_id,
            w.scheduled_job_id,
            w.firing,
            w.first_firing,
            w.count
        FROM wanted AS w
        LEFT JOIN jobrunner.definition AS d ON d.name = w.name
        WHERE NOT EXISTS (SELECT FROM folded AS f WHERE f.place = w.place)
        ORDER BY w.place
        RETURNING
            j.id,
            j.group_name,
            j.queue,
            j.hold
    ), placed AS (
        SELECT
            f.place,
            f.id,
            false AS added,
            NULL AS queue,
            f.group_name AS closed_group
        FROM folded AS f
        UNION ALL
        SELECT
            w.place,
            a.id,
            true,
            CASE WHEN a.hold IS NULL THEN a.queue END,
            CASE WHEN a.hold = 'Group' THEN a.group_name END
        FROM added AS a
        JOIN wanted AS w USING (group_name)
    )
    SELECT
        array_agg(p.place ORDER BY p.place),
        array_agg(p.id ORDER BY p.place),
        array_agg(p.added ORDER BY p.place),
        array_agg(DISTINCT p.queue) FILTER (WHERE p.queue IS NOT NULL),
        array_agg(p.closed_group) FILTER (WHERE p.closed_group IS NOT NULL)
    INTO places, job_ids, additions, queues, groups
    FROM placed AS p;
    PERFORM jobrunner.wake(q.queue) FROM unnest(queues) AS q (queue);
    IF groups IS NOT NULL THEN
        -- Its open job may have ended while its daemon died before the opening.
        PERFORM jobrunner.open_groups(groups);
    END IF;
    RETURN QUERY SELECT * FROM unnest(places, job_ids, additions);
END;
$$;

-- Fires scheduled jobs, each if its row is still what the caller read: same revision, same next fire time, Active,
-- and the firing is due by this server's clock. In one transaction the row advances and its job is placed; a row that
-- another daemon holds at this moment is passed over in silence.
-- `expected` is the next fire time that was read, `latest` the last one that is due, `counts` how many there are from
-- one to the other, `following` the first one that is ahead.
-- Returns what the rows are afterwards; job_id and added only for those that were fired here.
CREATE FUNCTION jobrunner.fire(
    ids bigint[],
    revisions bigint[],
    expected timestamptz[],
    latest timestamptz[],
    counts integer[],
    following timestamptz[]
) RETURNS TABLE (id bigint, revision bigint, next_fire_at timestamptz, job_id bigint, added boolean)
LANGUAGE plpgsql SET search_path = '' AS $$
#variable_conflict use_column
DECLARE
    fired record;
    placed_ids bigint[];
    job_ids bigint[];
    additions boolean[];
BEGIN
    WITH due AS (
        SELECT *
        FROM unnest(ids, revisions, expected, latest, counts, following) AS d (
            id, revision, expected, latest, count, following
        )
    ), locked AS (
        SELECT
            s.id,
            s.last_fire_at AS follows
        FROM jobrunner.scheduled_job AS s
        JOIN due AS d ON d.id = s.id
        WHERE
            s.revision = d.revision
            AND s.next_fire_at = d.expected
            AND s.status = 'Active'
            AND d.expected <= d.latest
            AND d.latest < d.following
            AND d.latest <= clock_timestamp()
        ORDER BY s.id
        FOR NO KEY UPDATE OF s SKIP LOCKED
    ), advanced AS (
        -- No index holds any of these columns: a HOT update, and no trigger watches them.
        UPDATE jobrunner.scheduled_job AS s
        SET
            next_fire_at = d.following,
            last_fire_at = d.latest
        FROM locked
        JOIN due AS d ON d.id = locked.id
        WHERE s.id = locked.id AND s.revision = d.revision AND s.next_fire_at = d.expected
        RETURNING
            s.id,
            s.job,
            s.data,
            d.expected,
            d.latest,
            d.count,
            locked.follows
    )
    SELECT
        array_agg(a.id ORDER BY a.id) AS ids,
        array_agg(a.job ORDER BY a.id) AS jobs,
        array_agg(coalesce(n.fans_out, false) ORDER BY a.id) AS preparing,
        array_agg(a.data ORDER BY a.id) AS datas,
        array_agg(a.latest ORDER BY a.id) AS latest,
        array_agg(a.expected ORDER BY a.id) AS expected,
        array_agg(a.count ORDER BY a.id) AS counts,
        array_agg(a.follows ORDER BY a.id) AS follows
    INTO fired
    FROM advanced AS a
    LEFT JOIN jobrunner.definition AS n ON n.name = a.job;
    IF fired.ids IS NOT NULL THEN
        PERFORM jobrunner.lock_groups();
        SELECT
            array_agg(fired.ids[p.place]),
            array_agg(p.job_id),
            array_agg(p.added)
        INTO placed_ids, job_ids, additions
        FROM jobrunner.place_jobs(
            fired.ids, fired.jobs, fired.preparing, NULL, NULL, fired.datas,
            fired.latest, fired.expected, fired.counts, fired.follows, true
        ) AS p;
    END IF;
    RETURN QUERY
    SELECT
        s.id,
        s.revision,
        s.next_fire_at,
        p.job_id,
        p.added
    FROM jobrunner.scheduled_job AS s
    LEFT JOIN unnest(placed_ids, job_ids, additions) AS p (id, job_id, added) ON p.id = s.id
    WHERE s.id = ANY(ids) AND s.status = 'Active'
    ORDER BY s.id;
END;
$$;

-- Places one job for each target that a preparator yielded, and returns their ids in the order of the targets (the
-- same id for a target named twice). To be called in the transaction that finishes the preparing job, before it: so
-- the children and that finish are one. NULL means that the claim was lost, and nothing was placed.
-- A scheduled job that was edited, paused or removed since the preparing job came into being has no children any more.
CREATE FUNCTION jobrunner.fan_out(
    job_id bigint,
    claim_id bigint,
    target_types text[],
    target_ids text[],
    datas jsonb[]
) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = '' AS $$
#variable_conflict use_variable
DECLARE
    schedule jobrunner.scheduled_job;
    parent jobrunner.job;
    targets integer := coalesce(cardinality(target_ids), 0);
    placed bigint[];
BEGIN
    IF coalesce(cardinality(target_types), 0) <> targets OR coalesce(cardinality(datas), 0) <> targets THEN
        RAISE EXCEPTION 'fan_out needs a type, an id and data for each target' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF EXISTS (SELECT FROM unnest(target_types, target_ids) AS t (type, id) WHERE length(t.type) > 255 OR length(t.id) > 255) THEN
        RAISE EXCEPTION 'a target''s type and id may have 255 characters each' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM jobrunner.refuse_data(d.data) FROM unnest(datas) AS d (data) WHERE d.data IS NOT NULL;
    -- First the scheduled job, as an edit does, then its job.
    SELECT s.* INTO schedule
    FROM jobrunner.job AS j
    JOIN jobrunner.scheduled_job AS s ON s.id = j.scheduled_job_id
    WHERE j.id = fan_out.job_id
    FOR SHARE OF s;
    SELECT j.* INTO parent
    FROM jobrunner.job AS j
    WHERE j.id = fan_out.job_id AND j.claim_id = fan_out.claim_id AND j.status = 'Running'
    FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF targets = 0 OR (parent.scheduled_job_id IS NOT NULL AND schedule.id IS NULL) THEN
        RETURN '{}';
    END IF;
    IF parent.firing IS NOT NULL AND (schedule.status <> 'Active' OR schedule.modified_at > parent.created_at) THEN
        RETURN '{}';
    END IF;
    PERFORM jobrunner.lock_groups();
    WITH target AS (
        SELECT
            t.type,
            t.id,
            parent.data || coalesce(t.data, '{}') AS data,
            t.place,
            min(t.place) OVER (PARTITION BY coalesce(t.type, ''), coalesce(t.id, '')) AS first_place
        FROM unnest(target_types, target_ids, datas) WITH ORDINALITY AS t (type, id, data, place)
    ), child AS (
        SELECT
            p.place,
            p.job_id
        FROM jobrunner.place_jobs(
            array_fill(parent.scheduled_job_id, ARRAY[targets]),
            array_fill(parent.name, ARRAY[targets]),
            array_fill(false, ARRAY[targets]),
            target_types,
            target_ids,
            (SELECT array_agg(target.data ORDER BY target.place) FROM target),
            array_fill(parent.firing, ARRAY[targets]),
            array_fill(parent.first_firing, ARRAY[targets]),
            array_fill(parent.firings, ARRAY[targets]),
            NULL,
            parent.firing IS NOT NULL
        ) AS p
    )
    SELECT array_agg(child.job_id ORDER BY target.place) INTO placed
    FROM target
    JOIN child ON child.place = target.first_place;
    RETURN placed;
END;
$$;

-- For jobs whose run said that more is left: places another job of the same scheduled job, target and firing at once,
-- unless one waits already, if the definition takes * * * * * to mean as often as possible and the scheduled job is
-- still what it was. May be called before or after the jobs are finished; returns how many were added.
CREATE FUNCTION jobrunner.fire_again(job_ids bigint[]) RETURNS integer
LANGUAGE plpgsql SET search_path = '' AS $$
#variable_conflict use_column
DECLARE
    again record;
BEGIN
    WITH ended AS (
        SELECT
            j.id,
            j.name,
            j.scheduled_job_id,
            j.target_type,
            j.target_id,
            j.data,
            j.firing,
            j.first_firing,
            j.firings,
            j.created_at
        FROM jobrunner.job AS j
        WHERE j.id = ANY(job_ids)
        UNION ALL
        SELECT
            h.id,
            h.name,
            h.scheduled_job_id,
            h.target_type,
            h.target_id,
            h.data,
            h.firing,
            h.first_firing,
            h.firings,
            h.created_at
        FROM jobrunner.job_history AS h
        WHERE h.id = ANY(job_ids) AND h.finished_at > now() - interval '1 hour'
    ), schedule AS (
        SELECT
            s.id,
            s.modified_at
        FROM jobrunner.scheduled_job AS s
        WHERE
            s.id IN (SELECT ended.scheduled_job_id FROM ended)
            AND s.status = 'Active'
            AND regexp_replace(btrim(s.crontab), '\s+', ' ', 'g') = '* * * * *'
        ORDER BY s.id
        -- One that is being edited or fired goes by its next firing: waited for, the ends of all jobs of the daemon would wait.
        FOR SHARE OF s SKIP LOCKED
    )
    SELECT
        array_agg(e.scheduled_job_id ORDER BY e.id) AS scheduled_job_ids,
        array_agg(e.name ORDER BY e.id) AS names,
        array_agg(d.fans_out AND e.target_type IS NULL AND e.target_id IS NULL ORDER BY e.id) AS preparing,
        array_agg(e.target_type ORDER BY e.id) AS target_types,
        array_agg(e.target_id ORDER BY e.id) AS target_ids,
        array_agg(e.data ORDER BY e.id) AS datas,
        array_agg(e.firing ORDER BY e.id) AS firings,
        array_agg(e.first_firing ORDER BY e.id) AS first_firings,
        array_agg(e.firings ORDER BY e.id) AS counts
    INTO again
    FROM ended AS e
    JOIN schedule AS s ON s.id = e.scheduled_job_id AND s.modified_at <= e.created_at
    JOIN jobrunner.definition AS d ON d.name = e.name AND d.often;
    IF again.names IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM jobrunner.lock_groups();
    RETURN (
        SELECT count(*)
        FROM jobrunner.place_jobs(
            again.scheduled_job_ids, again.names, again.preparing, again.target_types, again.target_ids, again.datas,
            again.firings, again.first_firings, again.counts, NULL, false
        ) AS p
        WHERE p.added
    );
END;
$$;

-- Runs a scheduled job now, whatever its crontab and status: returns the id of its job, which is one that waits
-- already where there is one; NULL where there is no scheduled job of that id.
CREATE FUNCTION jobrunner.run_scheduled_job(scheduled_job_id bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = '' AS $$
#variable_conflict use_variable
DECLARE
    schedule jobrunner.scheduled_job;
    fans_out boolean;
BEGIN
    SELECT s.* INTO schedule
    FROM jobrunner.scheduled_job AS s
    WHERE s.id = scheduled_job_id
    FOR SHARE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT d.fans_out INTO fans_out FROM jobrunner.definition AS d WHERE d.name = schedule.job;
    PERFORM jobrunner.lock_groups();
    RETURN (
        SELECT p.job_id
        FROM jobrunner.place_jobs(
            ARRAY[schedule.id], ARRAY[schedule.job], ARRAY[coalesce(fans_out, false)], NULL, NULL, ARRAY[schedule.data],
            NULL, NULL, NULL, NULL, false
        ) AS p
    );
END;
$$;
