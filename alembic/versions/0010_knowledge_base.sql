-- Articles of the knowledge base, and what the clean-up needs to know of its rows. The reasons stand in
-- docs/knowledge-base.md, docs/cleanup.md and in the essays of jobrunner/services/knowledge and jobrunner/services/cleanup.

-- Articles

CREATE TYPE jobrunner.article_status AS ENUM (
    'Draft',
    'In Review',  -- published on its day, once somebody has approved it
    'Published',
    'Archived'    -- not shown any more
);

CREATE TABLE jobrunner.article (
    id text PRIMARY KEY DEFAULT nextval('jobrunner.record_id')::text CHECK (id <> '' AND length(id) <= 64),
    name text NOT NULL CONSTRAINT article_has_a_name CHECK (length(btrim(name)) BETWEEN 1 AND 255 AND name !~ '[[:cntrl:]]'),
    status jobrunner.article_status NOT NULL DEFAULT 'Draft',
    approved boolean NOT NULL DEFAULT false,
    language text CONSTRAINT language_is_a_tag CHECK (language ~ '^[a-z]{2,3}([_-][A-Za-z0-9]{2,8})*$'),
    type text NOT NULL DEFAULT 'Article' CHECK (length(type) BETWEEN 1 AND 64),
    publish_date date CHECK (isfinite(publish_date)),
    expiration_date date CHECK (isfinite(expiration_date)),
    position integer NOT NULL DEFAULT 0,
    categories text[] NOT NULL DEFAULT '{}',
    portals text[] NOT NULL DEFAULT '{}',
    description text CHECK (length(description) <= 10000),
    body text NOT NULL DEFAULT '' CONSTRAINT article_body_is_not_too_long CHECK (octet_length(body) <= 5242880),
    assigned_user_id text REFERENCES jobrunner.app_user ON DELETE SET NULL,
    version bigint NOT NULL DEFAULT 1,
    deleted boolean NOT NULL DEFAULT false,
    deleted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    modified_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT article_expires_after_it_is_published CHECK (expiration_date > publish_date)
);
COMMENT ON COLUMN jobrunner.article.approved IS 'It may be published on its day.';
COMMENT ON COLUMN jobrunner.article.publish_date IS 'A day in the zone of the installation, as expiration_date is.';
COMMENT ON COLUMN jobrunner.article.version IS 'Counts changes: whoever saves says which one was read.';
CREATE INDEX article_to_publish ON jobrunner.article (publish_date, id) WHERE approved AND publish_date IS NOT NULL AND NOT deleted;
CREATE INDEX article_to_archive ON jobrunner.article (expiration_date, id) WHERE status <> 'Archived' AND expiration_date IS NOT NULL AND NOT deleted;
CREATE INDEX article_of_user ON jobrunner.article (assigned_user_id) WHERE assigned_user_id IS NOT NULL;

CREATE TABLE jobrunner.article_history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    article_id text NOT NULL REFERENCES jobrunner.article ON DELETE CASCADE,
    old_status jobrunner.article_status,
    new_status jobrunner.article_status NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by text NOT NULL CHECK (length(changed_by) BETWEEN 1 AND 255),
    reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 1000)
);
COMMENT ON COLUMN jobrunner.article_history.old_status IS 'NULL where it was added.';
CREATE INDEX article_history_of_article ON jobrunner.article_history (article_id, id);

-- Public: the day it is where the installation is (the job setting time_zone).
CREATE FUNCTION jobrunner.installation_zone() RETURNS text
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT coalesce(
        (SELECT s.value #>> '{}' FROM jobrunner.setting AS s WHERE s.name = 'time_zone' AND jobrunner.is_time_zone(s.value #>> '{}')),
        'UTC'
    )
$$;

-- Public: gives articles another status, if they have one of `former` still, with a line of their history and the events
-- KnowledgeBaseArticle.update and .fieldUpdate.status, all in the caller's transaction. Returns those that were changed.
CREATE FUNCTION jobrunner.change_articles(
    article_ids text[],
    former jobrunner.article_status[],
    new_status jobrunner.article_status,
    changed_by text,
    reason text DEFAULT ''
) RETURNS TABLE (id text, name text, old_status jobrunner.article_status, publish_date date, expiration_date date)
LANGUAGE plpgsql SET search_path = '' AS $$
#variable_conflict use_column
DECLARE
    found record;
    told jsonb;
BEGIN
    FOR found IN
        SELECT a.id, a.name, a.status, a.publish_date, a.expiration_date
        FROM jobrunner.article AS a
        WHERE a.id = ANY (article_ids) AND a.status = ANY (former) AND a.status <> change_articles.new_status AND NOT a.deleted
        ORDER BY a.id
        FOR NO KEY UPDATE OF a
    LOOP
        UPDATE jobrunner.article AS a
        SET status = change_articles.new_status, version = a.version + 1, modified_at = now()
        WHERE a.id = found.id;
        INSERT INTO jobrunner.article_history (article_id, old_status, new_status, changed_by, reason)
        VALUES (found.id, found.status, change_articles.new_status, change_articles.changed_by, change_articles.reason);
        told := pg_catalog.jsonb_build_object('id', found.id, 'name', found.name, 'status', change_articles.new_status);
        PERFORM jobrunner.emit('KnowledgeBaseArticle.update', told, 'KnowledgeBaseArticle', found.id, left(change_articles.changed_by, 64));
        PERFORM jobrunner.emit('KnowledgeBaseArticle.fieldUpdate.status', told, 'KnowledgeBaseArticle', found.id, left(change_articles.changed_by, 64));
        id := found.id;
        name := found.name;
        old_status := found.status;
        publish_date := found.publish_date;
        expiration_date := found.expiration_date;
        RETURN NEXT;
    END LOOP;
END;
$$;

-- The next midnight of the installation at which an article has its day, or NULL; today's counts as now.
CREATE FUNCTION jobrunner.wake_for_article() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    zone constant text := jobrunner.installation_zone();
    moments timestamptz[];
BEGIN
    IF NEW.deleted OR NEW.status = 'Archived' THEN
        RETURN NULL;
    END IF;
    -- The day after its last one, too: where it is shown to the end of that.
    SELECT array_agg(greatest(jobrunner.local_midnight(d.day, zone), now())) INTO moments
    FROM (
        VALUES
            (CASE WHEN NEW.approved AND NEW.status <> 'Published' THEN NEW.publish_date END),
            (NEW.expiration_date),
            (NEW.expiration_date + 1)
    ) AS d (day)
    WHERE d.day IS NOT NULL;
    IF moments IS NOT NULL THEN
        PERFORM jobrunner.wake_job('ControlKnowledgeBaseArticleStatus', moments);
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER wake_new AFTER INSERT ON jobrunner.article
FOR EACH ROW EXECUTE FUNCTION jobrunner.wake_for_article();
CREATE TRIGGER wake_changed AFTER UPDATE OF status, approved, publish_date, expiration_date, deleted ON jobrunner.article
FOR EACH ROW WHEN (
    (OLD.status, OLD.approved, OLD.publish_date, OLD.expiration_date, OLD.deleted)
    IS DISTINCT FROM (NEW.status, NEW.approved, NEW.publish_date, NEW.expiration_date, NEW.deleted)
)
EXECUTE FUNCTION jobrunner.wake_for_article();

-- When records were removed, so that the clean-up knows how long ago

CREATE FUNCTION jobrunner.note_removal() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    NEW.deleted_at := CASE WHEN NEW.deleted THEN now() END;
    RETURN NEW;
END;
$$;
COMMENT ON FUNCTION jobrunner.note_removal() IS 'Whatever is given as the time is not believed: a record that is restored and removed again is kept as long as any.';

ALTER TABLE jobrunner.meeting ADD COLUMN deleted_at timestamptz;
ALTER TABLE jobrunner.call ADD COLUMN deleted_at timestamptz;
ALTER TABLE jobrunner.task ADD COLUMN deleted_at timestamptz;
ALTER TABLE jobrunner.account ADD COLUMN deleted_at timestamptz;
ALTER TABLE jobrunner.contact ADD COLUMN deleted_at timestamptz;
ALTER TABLE jobrunner.lead ADD COLUMN deleted_at timestamptz;
ALTER TABLE jobrunner.case_record ADD COLUMN deleted_at timestamptz;

DO $$
DECLARE
    kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['meeting', 'call', 'task', 'account', 'contact', 'lead', 'case_record', 'article'] LOOP
        EXECUTE pg_catalog.format('UPDATE jobrunner.%I AS t SET deleted_at = now() WHERE t.deleted', kept);
        EXECUTE pg_catalog.format('CREATE INDEX %I ON jobrunner.%I (deleted_at) WHERE deleted', kept || '_removed', kept);
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER note_removal_of_new BEFORE INSERT ON jobrunner.%I FOR EACH ROW WHEN (NEW.deleted) EXECUTE FUNCTION jobrunner.note_removal()',
            kept
        );
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER note_removal BEFORE UPDATE OF deleted ON jobrunner.%I FOR EACH ROW WHEN (OLD.deleted IS DISTINCT FROM NEW.deleted) EXECUTE FUNCTION jobrunner.note_removal()',
            kept
        );
    END LOOP;
END;
$$;

-- Mails that were about a record which is gone are about nothing.
CREATE FUNCTION jobrunner.forget_parent() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    UPDATE jobrunner.email AS e
    SET parent_type = NULL, parent_id = NULL
    FROM former AS f
    WHERE e.parent_type = TG_ARGV[0] AND e.parent_id = f.id;
    RETURN NULL;
END;
$$;
CREATE TRIGGER forget_parent AFTER DELETE ON jobrunner.account
REFERENCING OLD TABLE AS former FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.forget_parent('Account');
CREATE TRIGGER forget_parent AFTER DELETE ON jobrunner.contact
REFERENCING OLD TABLE AS former FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.forget_parent('Contact');
CREATE TRIGGER forget_parent AFTER DELETE ON jobrunner.lead
REFERENCING OLD TABLE AS former FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.forget_parent('Lead');
CREATE TRIGGER forget_parent AFTER DELETE ON jobrunner.case_record
REFERENCING OLD TABLE AS former FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.forget_parent('Case');

-- When a user put a mail into the trash

ALTER TABLE jobrunner.email_user ADD COLUMN trashed_at timestamptz;
UPDATE jobrunner.email_user AS u SET trashed_at = now() WHERE u.in_trash;
CREATE INDEX email_user_in_trash ON jobrunner.email_user (trashed_at) WHERE in_trash;

CREATE FUNCTION jobrunner.note_trash() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    NEW.trashed_at := CASE WHEN NEW.in_trash THEN now() END;
    RETURN NEW;
END;
$$;
CREATE TRIGGER note_trash_of_new BEFORE INSERT ON jobrunner.email_user
FOR EACH ROW WHEN (NEW.in_trash) EXECUTE FUNCTION jobrunner.note_trash();
CREATE TRIGGER note_trash BEFORE UPDATE OF in_trash ON jobrunner.email_user
FOR EACH ROW WHEN (OLD.in_trash IS DISTINCT FROM NEW.in_trash) EXECUTE FUNCTION jobrunner.note_trash();

-- By age, for the clean-up

CREATE INDEX notification_old ON jobrunner.notification (read, created_at) WHERE finished_at IS NOT NULL;
CREATE INDEX campaign_log_hit ON jobrunner.campaign_log (action_date) WHERE action IN ('Opened', 'Clicked');
-- Of a hit whose visitor is forgotten nothing is left to do: else every night, and every batch, would read all of them.
CREATE INDEX campaign_log_visitor ON jobrunner.campaign_log (action_date)
WHERE action IN ('Opened', 'Clicked') AND (user_agent IS NOT NULL OR ip_prefix IS NOT NULL);
-- Of whom or what a case is, for the clean-up of persons and accounts.
CREATE INDEX case_of_account ON jobrunner.case_record (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX case_of_contact ON jobrunner.case_record (contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX case_of_lead ON jobrunner.case_record (lead_id) WHERE lead_id IS NOT NULL;
CREATE INDEX mailing_report_settled ON jobrunner.mailing_report (settled_at) WHERE settled_at IS NOT NULL;

-- The newest runs of a scheduled job stay in its log, whatever their age

CREATE FUNCTION jobrunner.kept_runs() RETURNS integer
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT coalesce((
        SELECT (s.value #>> '{}')::integer
        FROM jobrunner.setting AS s
        WHERE s.name = 'cleanup_kept_runs' AND s.value #>> '{}' ~ '^[0-9]{1,4}$'
    ), 10)
$$;

-- Whether a finished job is among them.
CREATE FUNCTION jobrunner.is_kept_run(scheduled_job_id bigint, finished_at timestamptz) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT EXISTS (SELECT FROM jobrunner.scheduled_job AS s WHERE s.id = is_kept_run.scheduled_job_id) AND (
        SELECT count(*)
        FROM (
            SELECT
            FROM jobrunner.job_history AS h
            WHERE h.scheduled_job_id = is_kept_run.scheduled_job_id AND h.finished_at > is_kept_run.finished_at
            LIMIT jobrunner.kept_runs()
        ) AS newer
    ) < jobrunner.kept_runs()
$$;

-- jobrunner.drop_partition(), but those runs move to the table beside the days, in the same transaction.
CREATE FUNCTION jobrunner.drop_day(parent text, ended_before timestamptz) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    kept jobrunner.job_history[];
    dropped text;
    day date;
BEGIN
    IF parent IN ('job_history_done', 'job_history_failed') THEN
        SELECT array_agg(newest.run) INTO kept
        FROM jobrunner.scheduled_job AS s
        CROSS JOIN LATERAL (
            SELECT h AS run, h.finished_at, h.status
            FROM jobrunner.job_history AS h
            WHERE h.scheduled_job_id = s.id
            ORDER BY h.finished_at DESC
            LIMIT jobrunner.kept_runs()
        ) AS newest
        WHERE newest.finished_at < ended_before AND (newest.status = 'Failed') = (parent = 'job_history_failed');
    END IF;
    dropped := jobrunner.drop_partition(parent, ended_before);
    IF dropped IS NOT NULL AND kept IS NOT NULL THEN
        day := pg_catalog.to_date(right(dropped, 8), 'YYYYMMDD');
        INSERT INTO jobrunner.job_history
        SELECT k.*
        FROM unnest(kept) AS k
        WHERE k.finished_at >= day::timestamp AT TIME ZONE 'UTC' AND k.finished_at < (day + 1)::timestamp AT TIME ZONE 'UTC';
    END IF;
    RETURN dropped;
END;
$$;
