-- Mass mail: persons and their addresses, target lists, campaigns, templates, mass e-mails, and the queue that is sent.
-- The reasons stand in docs/mass-mail.md and in the essay of jobrunner/services/massmail.
--
-- As with meetings and users, ids of persons are text, and an application may put views over tables of its own in place
-- of account, contact and lead (and app_user). Only the function jobrunner.targets() reads them here.

CREATE TYPE jobrunner.target_type AS ENUM ('Account', 'Contact', 'Lead', 'User');
COMMENT ON TYPE jobrunner.target_type IS 'In the order in which a target list is walked.';

CREATE TYPE jobrunner.campaign_status AS ENUM (
    'Planning',    -- nothing is held back
    'Active',
    'Inactive',    -- its mailings are neither built nor sent, and keep their state
    'Complete'
);

CREATE TYPE jobrunner.campaign_type AS ENUM (
    'Email',
    'Newsletter',
    'Informational Email',    -- goes also to who opted out, has no unsubscribe link and is not tracked
    'Web',                    -- from here on without mailings
    'Television',
    'Radio',
    'Mail'
);

CREATE TYPE jobrunner.tracking_action AS ENUM ('Redirect', 'Show Message');

CREATE TYPE jobrunner.campaign_action AS ENUM (
    'Sent',
    'Opened',
    'Clicked',
    'Opted Out',
    'Opted In',        -- an opt-out taken back
    'Bounced',         -- string_additional_data says Hard or Soft
    'Lead Created'
);

CREATE TYPE jobrunner.hit_source AS ENUM (
    'Human',
    'Machine',    -- a scanner, a prefetcher, a privacy proxy
    'Unknown'     -- not judged, or not a hit
);

CREATE TYPE jobrunner.mass_email_status AS ENUM (
    'Draft',         -- being written; nothing happens
    'Pending',       -- waits for start_at, then its queue is built
    'In Process',    -- its queue is built and being sent
    'Paused',        -- by a person or a breaker, reason says why; resumed to Pending or In Process
    'Complete',      -- nothing is left to send; final, as all that follow, until it is started again
    'Failed',        -- it cannot be sent: the template is gone
    'Aborted'        -- by a person; what had not been sent is Skipped
);

CREATE TYPE jobrunner.queue_item_status AS ENUM (
    'Pending',     -- waits for next_attempt_at; may be leased to a sender
    'Sending',     -- being handed to the mail server: after a crash in doubt
    'Sent',        -- the mail server took it; final, as all that follow
    'Failed',      -- refused for good, or out of attempts
    'Skipped',     -- not to be sent: opted out, excluded, invalid, target gone, mailing aborted
    'Uncertain'    -- it is not known whether the mail server took it
);

-- Addresses

-- Lower case by Unicode's rules, whatever the locale of the database. Of the collations that know them the first that
-- this server has: which ones there are depends on its version and on how it was built.
DO $$
DECLARE
    collation_name text;
    lowered text;
BEGIN
    FOREACH collation_name IN ARRAY ARRAY['pg_unicode_fast', 'und-x-icu', 'unicode', 'pg_c_utf8', 'C.utf8', 'C.UTF-8', 'default'] LOOP
        BEGIN
            EXECUTE pg_catalog.format('SELECT pg_catalog.lower(''ÄΩ'' COLLATE pg_catalog.%I)', collation_name) INTO lowered;
        EXCEPTION
            WHEN undefined_object OR feature_not_supported OR invalid_parameter_value OR wrong_object_type THEN
                CONTINUE;
        END;
        IF lowered = 'äω' OR collation_name = 'default' THEN
            EXECUTE pg_catalog.format(
                'CREATE FUNCTION jobrunner.lower_case(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
                 AS ''SELECT pg_catalog.lower(value COLLATE pg_catalog.%I)''',
                collation_name
            );
            EXIT;
        END IF;
    END LOOP;
END;
$$;

-- RFC 3492, without the prefix xn--.
CREATE FUNCTION jobrunner.punycode(label text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = '' AS $$
DECLARE
    digits constant text := 'abcdefghijklmnopqrstuvwxyz0123456789';
    codes bigint[] := ARRAY(
        SELECT ascii(c.letter)
        FROM regexp_split_to_table(label, '') WITH ORDINALITY AS c (letter, place)
        ORDER BY c.place
    );
    basic text := regexp_replace(label, '[^\u0001-\u007f]', '', 'g');
    result text := basic || CASE WHEN basic = '' THEN '' ELSE '-' END;
    done bigint := length(basic);
    code bigint := 128;
    next_code bigint;
    delta bigint := 0;
    bias bigint := 72;
    c bigint;
    q bigint;
    k bigint;
    t bigint;
BEGIN
    WHILE done < cardinality(codes) LOOP
        SELECT min(u.point) INTO next_code FROM unnest(codes) AS u (point) WHERE u.point >= code;
        delta := delta + (next_code - code) * (done + 1);
        code := next_code;
        FOREACH c IN ARRAY codes LOOP
            IF c < code THEN
                delta := delta + 1;
            ELSIF c = code THEN
                q := delta;
                k := 36;
                LOOP
                    t := least(greatest(k - bias, 1), 26);
                    EXIT WHEN q < t;
                    result := result || substr(digits, (t + (q - t) % (36 - t))::integer + 1, 1);
                    q := (q - t) / (36 - t);
                    k := k + 36;
                END LOOP;
                result := result || substr(digits, q::integer + 1, 1);
                done := done + 1;
                -- The bias for the next one.
                q := delta / CASE WHEN done = length(basic) + 1 THEN 700 ELSE 2 END;
                q := q + q / done;
                k := 0;
                WHILE q > 455 LOOP
                    q := q / 35;
                    k := k + 36;
                END LOOP;
                bias := k + 36 * q / (q + 38);
                delta := 0;
            END IF;
        END LOOP;
        delta := delta + 1;
        code := code + 1;
    END LOOP;
    RETURN result;
END;
$$;

CREATE FUNCTION jobrunner.international_address_key(address text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = '' AS $$
DECLARE
    place integer := length(address) - position('@' IN reverse(address)) + 1;
    key text;
BEGIN
    IF place > length(address) THEN
        RETURN jobrunner.lower_case(normalize(address, NFC));
    END IF;
    SELECT string_agg(CASE WHEN octet_length(l.label) = length(l.label) THEN l.label ELSE 'xn--' || jobrunner.punycode(l.label) END, '.' ORDER BY l.place)
    INTO key
    FROM unnest(string_to_array(jobrunner.lower_case(normalize(substr(address, place + 1), NFKC)), '.')) WITH ORDINALITY AS l (label, place);
    RETURN jobrunner.lower_case(normalize(left(address, place - 1), NFC)) || '@' || coalesce(key, '');
END;
$$;

-- Public: what two spellings of one address have in common: lower case, the domain as A-labels (xn--…), no blanks around
-- it. Addresses are compared by it everywhere in mass mail.
CREATE FUNCTION jobrunner.address_key(address text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN octet_length(address) = length(address) THEN lower(btrim(address, E' \t\r\n') COLLATE "C")
        ELSE jobrunner.international_address_key(btrim(address, E' \t\r\n'))
    END
$$;

-- What is known of an address, whoever has it. One without a row is valid, and opted out where new addresses start so.
CREATE TABLE jobrunner.email_address (
    key text PRIMARY KEY CONSTRAINT key_is_a_key CHECK (key = jobrunner.address_key(key) AND key <> '' AND length(key) <= 320),
    opted_out boolean NOT NULL DEFAULT false,
    invalid boolean NOT NULL DEFAULT false,
    opted_out_at timestamptz,
    invalid_at timestamptz,
    opted_out_reason text CHECK (length(opted_out_reason) <= 1000),
    invalid_reason text CHECK (length(invalid_reason) <= 1000),
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (opted_out OR (opted_out_at IS NULL AND opted_out_reason IS NULL)),
    CHECK (invalid OR (invalid_at IS NULL AND invalid_reason IS NULL))
);
COMMENT ON COLUMN jobrunner.email_address.key IS 'jobrunner.address_key() of the address.';
COMMENT ON COLUMN jobrunner.email_address.opted_out IS 'Gets no mass mail but Informational Email.';
COMMENT ON COLUMN jobrunner.email_address.invalid IS 'Gets no mass mail at all: mail to it came back.';

CREATE FUNCTION jobrunner.starts_opted_out() RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT s.value = 'true' FROM jobrunner.setting AS s WHERE s.name = 'email_address_is_opted_out_by_default'), false)
$$;

-- Public: makes the rows of addresses that have none yet; returns how many. Triggers call it for our own tables; where
-- they are views, the application may, as it stores an address: what the setting says then is what counts for it.
CREATE FUNCTION jobrunner.know_addresses(addresses text[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    starts_out constant boolean := jobrunner.starts_opted_out();
    added bigint;
BEGIN
    INSERT INTO jobrunner.email_address AS e (key, opted_out, opted_out_at, opted_out_reason)
    SELECT k.key, starts_out, CASE WHEN starts_out THEN now() END, CASE WHEN starts_out THEN 'new addresses start opted out' END
    FROM (
        SELECT DISTINCT jobrunner.address_key(a.address) AS key
        FROM unnest(addresses) AS a (address)
    ) AS k
    WHERE k.key <> ''
        AND length(k.key) <= 320
        AND k.key NOT LIKE 'erased:%'
        AND NOT EXISTS (SELECT FROM jobrunner.email_address AS known WHERE known.key = k.key)
    ORDER BY k.key
    ON CONFLICT (key) DO NOTHING;
    GET DIAGNOSTICS added = ROW_COUNT;
    RETURN added;
END;
$$;

-- Marks addresses that mail came back from, each with why; returns how many. The first reason stays. Whether a new address
-- starts opted out is not settled by this.
CREATE FUNCTION jobrunner.invalidate_addresses(keys text[], reasons text[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    starts_out constant boolean := jobrunner.starts_opted_out();
    changed bigint;
BEGIN
    INSERT INTO jobrunner.email_address AS e (key, opted_out, opted_out_at, opted_out_reason, invalid, invalid_at, invalid_reason)
    SELECT
        b.key,
        starts_out,
        CASE WHEN starts_out THEN now() END,
        CASE WHEN starts_out THEN 'new addresses start opted out' END,
        true,
        now(),
        min(b.reason)
    FROM unnest(keys, reasons) AS b (key, reason)
    GROUP BY b.key
    ORDER BY b.key
    ON CONFLICT (key) DO UPDATE
    SET invalid = true,
        invalid_at = now(),
        invalid_reason = EXCLUDED.invalid_reason
    WHERE NOT e.invalid;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END;
$$;

CREATE FUNCTION jobrunner.know_changed_addresses() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    PERFORM jobrunner.know_addresses(ARRAY(SELECT c.email FROM changed AS c WHERE c.email IS NOT NULL));
    RETURN NULL;
END;
$$;

-- An address, or one that was erased, of which only the mark is left.
CREATE FUNCTION jobrunner.is_email(email text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT length(email) <= 254
        AND (email ~ '^[^[:cntrl:][:space:]@<>]+@[^[:cntrl:][:space:]@<>]+$' OR email ~ '^ERASED:[^[:cntrl:]]*$')
$$;

-- Persons

CREATE TABLE jobrunner.account (
    id text PRIMARY KEY DEFAULT nextval('jobrunner.record_id')::text CHECK (id <> '' AND length(id) <= 64),
    name text NOT NULL CHECK (length(name) <= 255),
    email text CONSTRAINT email_is_an_address CHECK (jobrunner.is_email(email)),
    language text CONSTRAINT language_is_a_tag CHECK (language ~ '^[a-z]{2,3}([_-][A-Za-z0-9]{2,8})*$'),
    fields jsonb NOT NULL DEFAULT '{}' CONSTRAINT fields_are_an_object CHECK (jsonb_typeof(fields) = 'object'),
    deleted boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN jobrunner.account.fields IS 'Whatever else a template may say of it, by name.';

CREATE TABLE jobrunner.contact (
    id text PRIMARY KEY DEFAULT nextval('jobrunner.record_id')::text CHECK (id <> '' AND length(id) <= 64),
    first_name text CHECK (length(first_name) <= 255),
    last_name text CHECK (length(last_name) <= 255),
    name text NOT NULL GENERATED ALWAYS AS (
        btrim(coalesce(first_name, '') || ' ' || coalesce(last_name, ''))
    ) STORED,
    email text CONSTRAINT email_is_an_address CHECK (jobrunner.is_email(email)),
    language text CONSTRAINT language_is_a_tag CHECK (language ~ '^[a-z]{2,3}([_-][A-Za-z0-9]{2,8})*$'),
    account_id text,
    fields jsonb NOT NULL DEFAULT '{}' CONSTRAINT fields_are_an_object CHECK (jsonb_typeof(fields) = 'object'),
    deleted boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN jobrunner.contact.account_id IS 'The account it belongs to: {Contact.account.name}.';
CREATE INDEX contact_of_account ON jobrunner.contact (account_id) WHERE account_id IS NOT NULL;

CREATE TABLE jobrunner.lead (
    id text PRIMARY KEY DEFAULT nextval('jobrunner.record_id')::text CHECK (id <> '' AND length(id) <= 64),
    first_name text CHECK (length(first_name) <= 255),
    last_name text CHECK (length(last_name) <= 255),
    name text NOT NULL GENERATED ALWAYS AS (
        btrim(coalesce(first_name, '') || ' ' || coalesce(last_name, ''))
    ) STORED,
    account_name text CHECK (length(account_name) <= 255),
    email text CONSTRAINT email_is_an_address CHECK (jobrunner.is_email(email)),
    language text CONSTRAINT language_is_a_tag CHECK (language ~ '^[a-z]{2,3}([_-][A-Za-z0-9]{2,8})*$'),
    fields jsonb NOT NULL DEFAULT '{}' CONSTRAINT fields_are_an_object CHECK (jsonb_typeof(fields) = 'object'),
    deleted boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN jobrunner.lead.account_name IS 'Whom the lead works for, as it was given.';

CREATE INDEX account_by_address ON jobrunner.account (jobrunner.address_key(email));
CREATE INDEX contact_by_address ON jobrunner.contact (jobrunner.address_key(email));
CREATE INDEX lead_by_address ON jobrunner.lead (jobrunner.address_key(email));
CREATE INDEX app_user_by_address ON jobrunner.app_user (jobrunner.address_key(email));

CREATE TRIGGER know_new AFTER INSERT ON jobrunner.account
REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.know_changed_addresses();
CREATE TRIGGER know_changed AFTER UPDATE ON jobrunner.account
REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.know_changed_addresses();

CREATE TRIGGER know_new AFTER INSERT ON jobrunner.contact
REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.know_changed_addresses();
CREATE TRIGGER know_changed AFTER UPDATE ON jobrunner.contact
REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.know_changed_addresses();

CREATE TRIGGER know_new AFTER INSERT ON jobrunner.lead
REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.know_changed_addresses();
CREATE TRIGGER know_changed AFTER UPDATE ON jobrunner.lead
REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.know_changed_addresses();

CREATE TRIGGER know_new AFTER INSERT ON jobrunner.app_user
REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.know_changed_addresses();
CREATE TRIGGER know_changed AFTER UPDATE ON jobrunner.app_user
REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.know_changed_addresses();

-- Everybody that mass mail may go to. A function, not a view: that would have to go before a table is replaced by a
-- view. It is written so that PostgreSQL puts its body in its place, and looks only into the table that is asked for.
CREATE FUNCTION jobrunner.targets()
RETURNS TABLE (
    target_type jobrunner.target_type,
    target_id text,
    name text,
    first_name text,
    last_name text,
    email text,
    address_key text,
    language text,
    account_id text,
    account_name text,
    fields jsonb
)
LANGUAGE sql STABLE ROWS 1000 AS $$
    SELECT
        'Account'::jobrunner.target_type,
        a.id::text,
        a.name::text,
        NULL::text,
        NULL::text,
        nullif(btrim(a.email::text), ''),
        jobrunner.address_key(a.email::text),
        a.language::text,
        NULL::text,
        a.name::text,
        a.fields::jsonb
    FROM jobrunner.account AS a
    WHERE NOT coalesce(a.deleted, false)
    UNION ALL
    SELECT
        'Contact'::jobrunner.target_type,
        c.id::text,
        c.name::text,
        c.first_name::text,
        c.last_name::text,
        nullif(btrim(c.email::text), ''),
        jobrunner.address_key(c.email::text),
        c.language::text,
        c.account_id::text,
        NULL::text,
        c.fields::jsonb
    FROM jobrunner.contact AS c
    WHERE NOT coalesce(c.deleted, false)
    UNION ALL
    SELECT
        'Lead'::jobrunner.target_type,
        l.id::text,
        l.name::text,
        l.first_name::text,
        l.last_name::text,
        nullif(btrim(l.email::text), ''),
        jobrunner.address_key(l.email::text),
        l.language::text,
        NULL::text,
        l.account_name::text,
        l.fields::jsonb
    FROM jobrunner.lead AS l
    WHERE NOT coalesce(l.deleted, false)
    UNION ALL
    SELECT
        'User'::jobrunner.target_type,
        u.id::text,
        u.name::text,
        NULL::text,
        NULL::text,
        nullif(btrim(u.email::text), ''),
        jobrunner.address_key(u.email::text),
        u.language::text,
        NULL::text,
        NULL::text,
        '{}'::jsonb
    FROM jobrunner.app_user AS u
    WHERE coalesce(u.active, true)
$$;

-- Target lists

-- A name that nobody takes for an id, for a row that commands find by either.
CREATE FUNCTION jobrunner.is_name(name text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT name = btrim(name) AND length(name) BETWEEN 1 AND 255 AND name !~ '^[0-9]+$' AND name !~ '[[:cntrl:]]'
$$;

CREATE TABLE jobrunner.target_list (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CONSTRAINT name_is_a_name CHECK (jobrunner.is_name(name)),
    description text CHECK (length(description) <= 10000),
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL DEFAULT current_user
);

CREATE TABLE jobrunner.target_list_member (
    position bigint GENERATED ALWAYS AS IDENTITY,
    target_list_id bigint NOT NULL REFERENCES jobrunner.target_list ON DELETE CASCADE,
    opted_out_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    target_type jobrunner.target_type NOT NULL,
    opted_out boolean NOT NULL DEFAULT false,
    target_id text NOT NULL,
    PRIMARY KEY (target_list_id, target_type, target_id),
    CHECK (opted_out OR opted_out_at IS NULL)
);
COMMENT ON COLUMN jobrunner.target_list_member.position IS 'The order in which members were added: of several with one address the first gets the mail.';
COMMENT ON COLUMN jobrunner.target_list_member.opted_out IS 'Unsubscribed from this list.';
CREATE INDEX target_list_member_of_target ON jobrunner.target_list_member (target_type, target_id);

-- Opt-outs of a list from addresses that are no member's (any more), so that they hold when it becomes one again.
CREATE TABLE jobrunner.target_list_opt_out (
    target_list_id bigint NOT NULL REFERENCES jobrunner.target_list ON DELETE CASCADE,
    address_key text NOT NULL CHECK (address_key = jobrunner.address_key(address_key) AND address_key <> ''),
    opted_out_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (target_list_id, address_key)
);

-- A person of ours that is deleted leaves its lists; that it had opted out stays with its address.
CREATE FUNCTION jobrunner.leave_lists() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    WITH member AS (
        SELECT m.target_list_id, m.target_type, m.target_id, jobrunner.address_key(f.email) AS address_key
        FROM former AS f
        JOIN jobrunner.target_list_member AS m
            ON m.target_type = TG_ARGV[0]::jobrunner.target_type AND m.target_id = f.id
        ORDER BY m.target_list_id, m.target_type, m.target_id
        FOR UPDATE OF m
    ), gone AS (
        DELETE FROM jobrunner.target_list_member AS m
        USING member AS f
        WHERE m.target_list_id = f.target_list_id AND m.target_type = f.target_type AND m.target_id = f.target_id
        RETURNING m.target_list_id, m.opted_out, m.opted_out_at, f.address_key
    )
    INSERT INTO jobrunner.target_list_opt_out AS o (target_list_id, address_key, opted_out_at)
    SELECT g.target_list_id, g.address_key, min(coalesce(g.opted_out_at, now()))
    FROM gone AS g
    WHERE g.opted_out AND g.address_key <> ''
    GROUP BY g.target_list_id, g.address_key
    ORDER BY g.target_list_id, g.address_key
    ON CONFLICT (target_list_id, address_key) DO NOTHING;
    RETURN NULL;
END;
$$;

CREATE TRIGGER leave_lists AFTER DELETE ON jobrunner.account
REFERENCING OLD TABLE AS former
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.leave_lists('Account');
CREATE TRIGGER leave_lists AFTER DELETE ON jobrunner.contact
REFERENCING OLD TABLE AS former
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.leave_lists('Contact');
CREATE TRIGGER leave_lists AFTER DELETE ON jobrunner.lead
REFERENCING OLD TABLE AS former
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.leave_lists('Lead');
CREATE TRIGGER leave_lists AFTER DELETE ON jobrunner.app_user
REFERENCING OLD TABLE AS former
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.leave_lists('User');

-- Campaigns

CREATE TABLE jobrunner.campaign (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CONSTRAINT name_is_a_name CHECK (jobrunner.is_name(name)),
    status jobrunner.campaign_status NOT NULL DEFAULT 'Planning',
    type jobrunner.campaign_type NOT NULL DEFAULT 'Email',
    start_date date CHECK (isfinite(start_date)),
    end_date date CHECK (isfinite(end_date)),
    budget numeric(15, 2) CHECK (budget >= 0),
    teams text[] NOT NULL DEFAULT '{}',
    description text CHECK (length(description) <= 10000),
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL DEFAULT current_user,
    CONSTRAINT campaign_ends_after_its_start CHECK (start_date <= end_date)
);

-- What a new mass e-mail of the campaign begins with.
CREATE TABLE jobrunner.campaign_list (
    campaign_id bigint NOT NULL REFERENCES jobrunner.campaign ON DELETE CASCADE,
    target_list_id bigint NOT NULL REFERENCES jobrunner.target_list ON DELETE CASCADE,
    position integer NOT NULL DEFAULT 0,
    excluding boolean NOT NULL DEFAULT false,
    PRIMARY KEY (campaign_id, excluding, target_list_id)
);
CREATE INDEX campaign_list_of_list ON jobrunner.campaign_list (target_list_id);

CREATE TABLE jobrunner.tracking_url (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_id bigint NOT NULL REFERENCES jobrunner.campaign ON DELETE CASCADE,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    action jobrunner.tracking_action NOT NULL DEFAULT 'Redirect',
    url text CONSTRAINT url_is_http CHECK (length(url) <= 2048 AND url ~* '^https?://[^[:cntrl:][:space:]/?#@]+([/?#][^[:cntrl:][:space:]]*)?$'),
    message text CHECK (length(message) <= 100000),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (campaign_id, name),
    CONSTRAINT redirect_has_a_url CHECK (action <> 'Redirect' OR url IS NOT NULL),
    CONSTRAINT message_is_there CHECK (action <> 'Show Message' OR message IS NOT NULL)
);
COMMENT ON TABLE jobrunner.tracking_url IS 'In a template {trackingUrl:ID}; whoever follows it is sent to url, or shown message.';

-- Templates

CREATE TABLE jobrunner.email_template (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CONSTRAINT name_is_a_name CHECK (jobrunner.is_name(name)),
    subject text NOT NULL DEFAULT '' CONSTRAINT subject_is_one_line CHECK (length(subject) <= 998 AND subject !~ '[[:cntrl:]]'),
    body text NOT NULL DEFAULT '',
    plain_body text,
    is_html boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL DEFAULT current_user,
    modified_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT body_is_not_too_long CHECK (octet_length(body) <= 5242880 AND octet_length(plain_body) <= 5242880)
);
COMMENT ON COLUMN jobrunner.email_template.body IS 'HTML, or text where is_html is false.';
COMMENT ON COLUMN jobrunner.email_template.plain_body IS 'The text part beside HTML; NULL where it is made from it.';

CREATE TABLE jobrunner.email_template_attachment (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email_template_id bigint NOT NULL REFERENCES jobrunner.email_template ON DELETE CASCADE,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 255 AND name !~ '[[:cntrl:]/\\]'),
    content_type text NOT NULL CHECK (length(content_type) <= 127 AND content_type ~ '^[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+$'),
    content_id text CHECK (length(content_id) <= 255 AND content_id ~ '^[A-Za-z0-9._@-]+$'),
    content bytea NOT NULL CHECK (octet_length(content) <= 26214400)
);
COMMENT ON COLUMN jobrunner.email_template_attachment.content_id IS 'Of an image in the text, there src="cid:…"; NULL for a file attached.';
CREATE UNIQUE INDEX email_template_attachment_once ON jobrunner.email_template_attachment (email_template_id, name);
CREATE UNIQUE INDEX email_template_image_once ON jobrunner.email_template_attachment (email_template_id, content_id) WHERE content_id IS NOT NULL;

-- Mass e-mails

CREATE TABLE jobrunner.mass_email (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CONSTRAINT name_is_a_name CHECK (jobrunner.is_name(name)),
    status jobrunner.mass_email_status NOT NULL DEFAULT 'Draft',
    reason text CHECK (length(reason) <= 1000),
    start_at timestamptz NOT NULL DEFAULT now() CHECK (isfinite(start_at)),
    generation integer NOT NULL DEFAULT 1 CHECK (generation > 0),
    email_template_id bigint REFERENCES jobrunner.email_template ON DELETE SET NULL,
    campaign_id bigint REFERENCES jobrunner.campaign ON DELETE SET NULL,
    smtp_account_id bigint,
    from_address text CONSTRAINT from_address_is_an_address CHECK (jobrunner.is_email(from_address)),
    from_name text CONSTRAINT from_name_is_one_line CHECK (length(from_name) <= 255 AND from_name !~ '[[:cntrl:]]'),
    reply_to_address text CONSTRAINT reply_to_address_is_an_address CHECK (jobrunner.is_email(reply_to_address)),
    reply_to_name text CONSTRAINT reply_to_name_is_one_line CHECK (length(reply_to_name) <= 255 AND reply_to_name !~ '[[:cntrl:]]'),
    store_sent_emails boolean NOT NULL DEFAULT false,
    opt_out_entirely boolean NOT NULL DEFAULT false,
    left_out jsonb NOT NULL DEFAULT '{}',
    built_at timestamptz,
    paused_at timestamptz,
    paused_by_fault boolean NOT NULL DEFAULT false,
    resumed_at timestamptz,
    finished_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL DEFAULT current_user,
    modified_at timestamptz NOT NULL DEFAULT now(),
    modified_by text NOT NULL DEFAULT current_user,
    CHECK ((status IN ('Complete', 'Failed', 'Aborted')) = (finished_at IS NOT NULL)),
    CHECK ((status = 'Paused') = (paused_at IS NOT NULL)),
    CHECK (status <> 'In Process' OR built_at IS NOT NULL),
    CHECK (status NOT IN ('Draft', 'Pending') OR built_at IS NULL)
);
COMMENT ON COLUMN jobrunner.mass_email.reason IS 'Why it is Paused or Failed, in a sentence.';
COMMENT ON COLUMN jobrunner.mass_email.generation IS 'Grows when everybody is to get it once more: in one generation nobody gets it twice.';
COMMENT ON COLUMN jobrunner.mass_email.smtp_account_id IS 'The account that sends it (jobrunner.smtp_account); NULL for the system''s. No key: where the account is gone, the mailing is paused.';
COMMENT ON COLUMN jobrunner.mass_email.opt_out_entirely IS 'Whether who unsubscribes gets no mass mail at all any more, rather than none of its lists.';
COMMENT ON COLUMN jobrunner.mass_email.left_out IS 'How many members were not queued when it was built, by reason.';
COMMENT ON COLUMN jobrunner.mass_email.paused_by_fault IS 'While it is Paused: by a fault that needs a person, rather than by a person.';
COMMENT ON COLUMN jobrunner.mass_email.resumed_at IS 'When a person let it go on last, resumed or started again: what is refused is counted from then on.';
COMMENT ON COLUMN jobrunner.mass_email.built_at IS 'When its queue was built; NULL while it waits for that.';
CREATE INDEX mass_email_live ON jobrunner.mass_email (start_at, id) WHERE status IN ('Pending', 'In Process');
CREATE INDEX mass_email_of_campaign ON jobrunner.mass_email (campaign_id) WHERE campaign_id IS NOT NULL;
CREATE INDEX mass_email_of_template ON jobrunner.mass_email (email_template_id) WHERE email_template_id IS NOT NULL;

CREATE TABLE jobrunner.mass_email_list (
    mass_email_id bigint NOT NULL REFERENCES jobrunner.mass_email ON DELETE CASCADE,
    target_list_id bigint NOT NULL REFERENCES jobrunner.target_list,
    position integer NOT NULL DEFAULT 0,
    excluding boolean NOT NULL DEFAULT false,
    PRIMARY KEY (mass_email_id, excluding, target_list_id)
);
COMMENT ON COLUMN jobrunner.mass_email_list.excluding IS 'Whether nobody of the list gets it, rather than everybody.';
COMMENT ON COLUMN jobrunner.mass_email_list.position IS 'Lists are walked in this order.';
CREATE INDEX mass_email_list_of_list ON jobrunner.mass_email_list (target_list_id);

-- One row is one mail to one address. As indexes cost most when thousands are sent a second, there are only those that
-- keep a promise or find the next ones.
CREATE TABLE jobrunner.queue_item (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mass_email_id bigint NOT NULL,
    token uuid NOT NULL DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT now(),
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz,
    finished_at timestamptz,
    sender_token bigint,
    sender_job bigint,
    sender_claim bigint,
    sender_until timestamptz,
    generation integer NOT NULL DEFAULT 1,
    status jobrunner.queue_item_status NOT NULL DEFAULT 'Pending',
    target_type jobrunner.target_type NOT NULL,
    attempt_count smallint NOT NULL DEFAULT 0,
    doubt_count smallint NOT NULL DEFAULT 0,
    break_count smallint NOT NULL DEFAULT 0,
    code smallint,
    is_test boolean NOT NULL DEFAULT false,
    target_id text NOT NULL,
    email_address text NOT NULL,
    address_key text NOT NULL,
    message_id text,
    enhanced_code text,
    reply text CHECK (length(reply) <= 1000),
    reason text CHECK (length(reason) <= 1000),
    CHECK ((status IN ('Sent', 'Failed', 'Skipped', 'Uncertain')) = (finished_at IS NOT NULL)),
    CHECK ((status = 'Sent') = (sent_at IS NOT NULL)),
    CHECK (status <> 'Sending' OR sender_token IS NOT NULL),
    CHECK (finished_at IS NULL OR sender_token IS NULL)
) WITH (fillfactor = 70);
COMMENT ON COLUMN jobrunner.queue_item.token IS 'What stands in its links, in its Message-ID and in the address that bounces come to.';
COMMENT ON COLUMN jobrunner.queue_item.attempt_count IS 'Attempts that count (the receiver''s side answered); a server of ours that is away counts none.';
COMMENT ON COLUMN jobrunner.queue_item.doubt_count IS 'Attempts after which it is not known whether the mail server took it.';
COMMENT ON COLUMN jobrunner.queue_item.break_count IS 'Connections that broke before the final dot, in a row: from the third on they count as attempts.';
COMMENT ON COLUMN jobrunner.queue_item.sender_token IS 'Drawn by whoever leased it; a result is stored only under the same token.';
COMMENT ON COLUMN jobrunner.queue_item.sender_claim IS 'The claim under which the sending job ran: where the job runs under it no more, its sender is lost.';
COMMENT ON COLUMN jobrunner.queue_item.sender_until IS 'When its sender is lost in any case.';
COMMENT ON COLUMN jobrunner.queue_item.code IS 'Of the mail server''s last reply, as enhanced_code and reply are.';
COMMENT ON COLUMN jobrunner.queue_item.reason IS 'Why it is Failed, Skipped, Uncertain, or deferred, in a sentence.';

COMMENT ON COLUMN jobrunner.queue_item.mass_email_id IS 'Of a mass e-mail that is there: know_mass_emails sees to it, and keep_links where that goes.';
-- What a foreign key would see to, which looks and locks for each row: half of the time that building a queue took. With
-- its mass e-mail the items go by keep_links.
CREATE FUNCTION jobrunner.know_mass_emails() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    unknown bigint;
BEGIN
    -- Locked as a foreign key locks: who removes one waits, and sees these items then.
    PERFORM
    FROM jobrunner.mass_email AS m
    WHERE m.id IN (SELECT n.mass_email_id FROM new_item AS n)
    ORDER BY m.id
    FOR KEY SHARE;
    SELECT n.mass_email_id INTO unknown
    FROM new_item AS n
    WHERE NOT EXISTS (SELECT FROM jobrunner.mass_email AS m WHERE m.id = n.mass_email_id)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there is no mass e-mail with the id %', unknown USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER know_mass_emails AFTER INSERT ON jobrunner.queue_item
REFERENCING NEW TABLE AS new_item
FOR EACH STATEMENT EXECUTE FUNCTION jobrunner.know_mass_emails();

CREATE UNIQUE INDEX queue_item_token ON jobrunner.queue_item (token);
-- Nobody gets a mailing twice, neither as a person nor by address.
CREATE UNIQUE INDEX queue_item_target_once ON jobrunner.queue_item (mass_email_id, generation, target_type, target_id) WHERE NOT is_test;
CREATE UNIQUE INDEX queue_item_address_once ON jobrunner.queue_item (mass_email_id, generation, address_key) WHERE NOT is_test;
-- Claimed in this order; those leased stand in it, too, and are few.
CREATE INDEX queue_item_pending ON jobrunner.queue_item (mass_email_id, next_attempt_at, id) WHERE status = 'Pending' AND NOT is_test;
CREATE INDEX queue_item_sending ON jobrunner.queue_item (mass_email_id, id) WHERE status = 'Sending';
-- For the count of the last hour over all mass mail, tests too.
CREATE INDEX queue_item_sent ON jobrunner.queue_item (sent_at) WHERE sent_at IS NOT NULL;

-- What happened in a campaign. Hits are kept raw, each with who made it; figures count distinct items.
CREATE TABLE jobrunner.campaign_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action_date timestamptz NOT NULL DEFAULT now(),
    campaign_id bigint REFERENCES jobrunner.campaign ON DELETE CASCADE,
    mass_email_id bigint REFERENCES jobrunner.mass_email ON DELETE SET NULL,
    queue_item_id bigint,
    tracking_url_id bigint REFERENCES jobrunner.tracking_url ON DELETE SET NULL,
    hit_id uuid,
    action jobrunner.campaign_action NOT NULL,
    source jobrunner.hit_source NOT NULL DEFAULT 'Unknown',
    target_type jobrunner.target_type,
    is_test boolean NOT NULL DEFAULT false,
    target_id text,
    object_type text CHECK (length(object_type) <= 64),
    object_id text CHECK (length(object_id) <= 64),
    string_data text CHECK (length(string_data) <= 320),
    string_additional_data text CHECK (length(string_additional_data) <= 100),
    user_agent text CHECK (length(user_agent) <= 500),
    ip_prefix cidr,
    CHECK (action <> 'Bounced' OR string_additional_data IN ('Hard', 'Soft'))
);
COMMENT ON COLUMN jobrunner.campaign_log.queue_item_id IS 'Stays when the item is thinned away, for figures to count by.';
COMMENT ON COLUMN jobrunner.campaign_log.hit_id IS 'Of an open or a click, drawn as it was noted, so that it is stored once; an open that a click implies has that of the click.';
COMMENT ON COLUMN jobrunner.campaign_log.object_id IS 'What was sent: the stored e-mail or the template, by object_type.';
COMMENT ON COLUMN jobrunner.campaign_log.string_data IS 'The address.';
COMMENT ON COLUMN jobrunner.campaign_log.ip_prefix IS '/24 or /48 of whoever made the hit, never the whole address.';
CREATE INDEX campaign_log_of_campaign ON jobrunner.campaign_log (campaign_id, action);
CREATE INDEX campaign_log_of_mass_email ON jobrunner.campaign_log (mass_email_id) WHERE mass_email_id IS NOT NULL;
CREATE INDEX campaign_log_of_item ON jobrunner.campaign_log (queue_item_id, action) WHERE queue_item_id IS NOT NULL;
CREATE INDEX campaign_log_of_url ON jobrunner.campaign_log (tracking_url_id) WHERE tracking_url_id IS NOT NULL;
CREATE UNIQUE INDEX campaign_log_once ON jobrunner.campaign_log (queue_item_id, action) WHERE action IN ('Sent', 'Bounced') AND queue_item_id IS NOT NULL;
CREATE UNIQUE INDEX campaign_log_hit_once ON jobrunner.campaign_log (hit_id, action) WHERE hit_id IS NOT NULL;

-- What is left of mailings and items that were removed, so that the links of their mails work for ever.
CREATE TABLE jobrunner.former_mass_email (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    campaign_id bigint,
    target_list_ids bigint[] NOT NULL,
    is_informational boolean NOT NULL,
    opt_out_entirely boolean NOT NULL,
    removed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE jobrunner.former_item (
    token uuid PRIMARY KEY,
    id bigint NOT NULL,
    mass_email_id bigint NOT NULL,
    sent_at timestamptz,
    generation integer NOT NULL,
    status jobrunner.queue_item_status NOT NULL,
    target_type jobrunner.target_type NOT NULL,
    is_test boolean NOT NULL,
    target_id text NOT NULL,
    email_address text NOT NULL,
    address_key text NOT NULL
);
CREATE INDEX former_item_of_mass_email ON jobrunner.former_item (mass_email_id);
COMMENT ON COLUMN jobrunner.former_item.mass_email_id IS 'Of a mass e-mail that is there still, or else of jobrunner.former_mass_email.';

-- Removes items, and keeps of those that may have reached somebody what their links need. Returns how many went.
CREATE FUNCTION jobrunner.remove_items(item_ids bigint[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    removed bigint;
BEGIN
    WITH gone AS (
        DELETE FROM jobrunner.queue_item AS q
        WHERE q.id = ANY(item_ids)
        RETURNING q.*
    ), kept AS (
        INSERT INTO jobrunner.former_item AS f (
            token, id, mass_email_id, sent_at, generation, status, target_type, is_test, target_id, email_address, address_key
        )
        SELECT
            g.token,
            g.id,
            g.mass_email_id,
            g.sent_at,
            g.generation,
            g.status,
            g.target_type,
            g.is_test,
            g.target_id,
            g.email_address,
            g.address_key
        FROM gone AS g
        WHERE g.status IN ('Sent', 'Sending', 'Uncertain') OR g.attempt_count > 0
        ON CONFLICT (token) DO NOTHING
    )
    SELECT count(*) INTO removed FROM gone;
    RETURN removed;
END;
$$;

CREATE FUNCTION jobrunner.keep_links() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    INSERT INTO jobrunner.former_mass_email AS f (id, name, campaign_id, target_list_ids, is_informational, opt_out_entirely)
    SELECT
        OLD.id,
        OLD.name,
        OLD.campaign_id,
        ARRAY(
            SELECT l.target_list_id
            FROM jobrunner.mass_email_list AS l
            WHERE l.mass_email_id = OLD.id AND NOT l.excluding
            ORDER BY l.position, l.target_list_id
        ),
        coalesce((SELECT c.type = 'Informational Email' FROM jobrunner.campaign AS c WHERE c.id = OLD.campaign_id), false),
        OLD.opt_out_entirely
    ON CONFLICT (id) DO NOTHING;
    PERFORM jobrunner.remove_items(ARRAY(SELECT q.id FROM jobrunner.queue_item AS q WHERE q.mass_email_id = OLD.id));
    DELETE FROM jobrunner.campaign_log AS l WHERE l.mass_email_id = OLD.id AND l.campaign_id IS NULL;
    RETURN OLD;
END;
$$;
CREATE TRIGGER keep_links BEFORE DELETE ON jobrunner.mass_email
FOR EACH ROW EXECUTE FUNCTION jobrunner.keep_links();

-- All that a link with this token needs to know, of an item that is there or was. queue_item_id is its id in either
-- case; is_there says whether the item still is.
CREATE FUNCTION jobrunner.find_link(token uuid)
RETURNS TABLE (
    queue_item_id bigint,
    is_there boolean,
    mass_email_id bigint,
    mass_email_name text,
    campaign_id bigint,
    target_type jobrunner.target_type,
    target_id text,
    email_address text,
    address_key text,
    sent_at timestamptz,
    is_test boolean,
    is_informational boolean,
    opt_out_entirely boolean,
    target_list_ids bigint[]
)
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT
        i.id,
        i.is_there,
        i.mass_email_id,
        coalesce(m.name, f.name),
        CASE WHEN m.id IS NULL THEN f.campaign_id ELSE m.campaign_id END,
        i.target_type,
        i.target_id,
        i.email_address,
        i.address_key,
        i.sent_at,
        i.is_test,
        CASE
            WHEN m.id IS NULL THEN f.is_informational
            ELSE coalesce((SELECT c.type = 'Informational Email' FROM jobrunner.campaign AS c WHERE c.id = m.campaign_id), false)
        END,
        coalesce(m.opt_out_entirely, f.opt_out_entirely),
        CASE
            WHEN m.id IS NULL THEN ARRAY(
                SELECT l.id
                FROM jobrunner.target_list AS l
                WHERE l.id = ANY(f.target_list_ids)
                ORDER BY l.id
            )
            ELSE ARRAY(
                SELECT l.target_list_id
                FROM jobrunner.mass_email_list AS l
                WHERE l.mass_email_id = m.id AND NOT l.excluding
                ORDER BY l.position, l.target_list_id
            )
        END
    FROM (
        SELECT q.id, true AS is_there, q.mass_email_id, q.target_type, q.target_id, q.email_address, q.address_key, q.sent_at, q.is_test
        FROM jobrunner.queue_item AS q
        WHERE q.token = find_link.token
        UNION ALL
        SELECT o.id, false, o.mass_email_id, o.target_type, o.target_id, o.email_address, o.address_key, o.sent_at, o.is_test
        FROM jobrunner.former_item AS o
        WHERE o.token = find_link.token
    ) AS i
    LEFT JOIN jobrunner.mass_email AS m ON m.id = i.mass_email_id
    LEFT JOIN jobrunner.former_mass_email AS f ON f.id = i.mass_email_id
$$;

-- What belongs together in campaigns

CREATE FUNCTION jobrunner.check_mass_email() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.campaign_id IS NOT NULL THEN
        RAISE EXCEPTION 'the campaign of a mass e-mail does not change'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'campaign_of_mass_email_stays';
    END IF;
    -- Locked, so that its type stays what it is.
    PERFORM
    FROM jobrunner.campaign AS c
    WHERE c.id = NEW.campaign_id AND c.type NOT IN ('Email', 'Newsletter', 'Informational Email')
    FOR SHARE;
    IF FOUND THEN
        RAISE EXCEPTION 'a campaign of this type has no mass e-mails'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'campaign_has_mass_emails';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER check_new BEFORE INSERT ON jobrunner.mass_email
FOR EACH ROW WHEN (NEW.campaign_id IS NOT NULL)
EXECUTE FUNCTION jobrunner.check_mass_email();
CREATE TRIGGER check_changed BEFORE UPDATE OF campaign_id ON jobrunner.mass_email
FOR EACH ROW WHEN (NEW.campaign_id IS DISTINCT FROM OLD.campaign_id)
EXECUTE FUNCTION jobrunner.check_mass_email();

CREATE FUNCTION jobrunner.check_tracking_url() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    PERFORM
    FROM jobrunner.campaign AS c
    WHERE c.id = NEW.campaign_id AND c.type NOT IN ('Email', 'Newsletter')
    FOR SHARE;
    IF FOUND THEN
        RAISE EXCEPTION 'a campaign of this type has no tracking URLs'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'campaign_has_tracking_urls';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER check_new BEFORE INSERT OR UPDATE OF campaign_id ON jobrunner.tracking_url
FOR EACH ROW EXECUTE FUNCTION jobrunner.check_tracking_url();

CREATE FUNCTION jobrunner.check_campaign_type() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF EXISTS (SELECT FROM jobrunner.mass_email AS m WHERE m.campaign_id = NEW.id) THEN
        RAISE EXCEPTION 'the campaign has a mass e-mail'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'campaign_type_is_locked';
    END IF;
    IF NEW.type NOT IN ('Email', 'Newsletter') AND EXISTS (SELECT FROM jobrunner.tracking_url AS t WHERE t.campaign_id = NEW.id) THEN
        RAISE EXCEPTION 'a campaign of this type has no tracking URLs'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'campaign_has_tracking_urls';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER check_type BEFORE UPDATE OF type ON jobrunner.campaign
FOR EACH ROW WHEN (NEW.type IS DISTINCT FROM OLD.type)
EXECUTE FUNCTION jobrunner.check_campaign_type();

-- Waking the job

CREATE FUNCTION jobrunner.wake_for_mass_email() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    PERFORM jobrunner.wake_job('ProcessMassEmail', ARRAY[CASE WHEN NEW.status = 'Pending' THEN NEW.start_at END]);
    RETURN NULL;
END;
$$;
CREATE TRIGGER wake_new AFTER INSERT ON jobrunner.mass_email
FOR EACH ROW WHEN (NEW.status IN ('Pending', 'In Process'))
EXECUTE FUNCTION jobrunner.wake_for_mass_email();
-- Not when its queue has just been built: whoever builds sends as well.
CREATE TRIGGER wake_changed AFTER UPDATE OF status, start_at ON jobrunner.mass_email
FOR EACH ROW
WHEN (
    (NEW.status = 'Pending' AND (OLD.status, OLD.start_at) IS DISTINCT FROM (NEW.status, NEW.start_at))
    OR (NEW.status = 'In Process' AND OLD.status = 'Paused')
)
EXECUTE FUNCTION jobrunner.wake_for_mass_email();

CREATE FUNCTION jobrunner.wake_for_campaign() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF EXISTS (SELECT FROM jobrunner.mass_email AS m WHERE m.campaign_id = NEW.id AND m.status IN ('Pending', 'In Process')) THEN
        PERFORM jobrunner.wake_job('ProcessMassEmail', ARRAY[now()]);
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER wake_changed AFTER UPDATE OF status ON jobrunner.campaign
FOR EACH ROW WHEN (OLD.status = 'Inactive' AND NEW.status <> 'Inactive')
EXECUTE FUNCTION jobrunner.wake_for_campaign();

-- What a limit held back may go on, or has another moment to go on at: the limit of the hour, an account's own rate, and
-- what a person ends before its time.
CREATE FUNCTION jobrunner.wake_for_limit() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF EXISTS (SELECT FROM jobrunner.mass_email AS m WHERE m.status IN ('Pending', 'In Process')) THEN
        PERFORM jobrunner.wake_job('ProcessMassEmail', ARRAY[now()]);
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER wake_mass_mail_for_new AFTER INSERT ON jobrunner.setting
FOR EACH ROW WHEN (NEW.name = 'mass_email_max_per_hour_count')
EXECUTE FUNCTION jobrunner.wake_for_limit();
CREATE TRIGGER wake_mass_mail_for_changed AFTER UPDATE OF value ON jobrunner.setting
FOR EACH ROW WHEN (NEW.name = 'mass_email_max_per_hour_count' AND NEW.value <> OLD.value)
EXECUTE FUNCTION jobrunner.wake_for_limit();
CREATE TRIGGER wake_mass_mail_for_gone AFTER DELETE ON jobrunner.setting
FOR EACH ROW WHEN (OLD.name = 'mass_email_max_per_hour_count')
EXECUTE FUNCTION jobrunner.wake_for_limit();

CREATE FUNCTION jobrunner.wake_for_smtp_account() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF EXISTS (
        SELECT
        FROM jobrunner.mass_email AS m
        WHERE m.status IN ('Pending', 'In Process')
            AND (m.smtp_account_id = NEW.id OR (m.smtp_account_id IS NULL AND NEW.kind = 'System'))
    ) THEN
        PERFORM jobrunner.wake_job('ProcessMassEmail', ARRAY[now()]);
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER wake_mass_mail AFTER UPDATE OF rate_per_minute, rate_per_hour ON jobrunner.smtp_account
FOR EACH ROW WHEN ((NEW.rate_per_minute, NEW.rate_per_hour) IS DISTINCT FROM (OLD.rate_per_minute, OLD.rate_per_hour))
EXECUTE FUNCTION jobrunner.wake_for_smtp_account();

CREATE TRIGGER wake_mass_mail AFTER UPDATE OF paused_kind, cooled_until, retry_at ON jobrunner.smtp_account_state
FOR EACH ROW WHEN (jobrunner.was_set_free(OLD, NEW))
EXECUTE FUNCTION jobrunner.wake_for_limit();

-- Building

-- Builds the queue of one mass e-mail that is Pending and due, and sets it In Process, or Complete where nobody is to get
-- it: all or nothing, in the caller's transaction. No row where it is not Pending, not due, held back by its campaign, or
-- being built by somebody else.
--
-- Everybody who is not queued is counted by the first reason that applies. (With the usual 4 MB of memory a hundred
-- thousand members are sorted on disk, which takes half as long again; and a plan made for few members is none for many.)
CREATE FUNCTION jobrunner.build_mailing(mass_email_id bigint)
RETURNS TABLE (status jobrunner.mass_email_status, queued bigint, left_out jsonb)
LANGUAGE plpgsql ROWS 1 SET search_path = '' SET jit = off SET work_mem = '64MB' SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    mailing jobrunner.mass_email;
    is_informational boolean;
    starts_out constant boolean := jobrunner.starts_opted_out();
    new_items bigint;
    reasons jsonb;
BEGIN
    SELECT m.* INTO mailing
    FROM jobrunner.mass_email AS m
    WHERE m.id = build_mailing.mass_email_id AND m.status = 'Pending' AND m.start_at <= now()
    FOR UPDATE SKIP LOCKED;
    IF NOT FOUND OR EXISTS (SELECT FROM jobrunner.campaign AS c WHERE c.id = mailing.campaign_id AND c.status = 'Inactive') THEN
        RETURN;
    END IF;
    is_informational := coalesce((SELECT c.type = 'Informational Email' FROM jobrunner.campaign AS c WHERE c.id = mailing.campaign_id), false);

    -- Of what was queued before only what reached somebody, or may have, stays.
    PERFORM jobrunner.remove_items(ARRAY(
        SELECT q.id
        FROM jobrunner.queue_item AS q
        WHERE q.mass_email_id = mailing.id AND q.status IN ('Pending', 'Failed', 'Skipped') AND NOT q.is_test
    ));

    WITH member AS (
        SELECT
            m.target_list_id,
            m.target_type,
            m.target_id,
            m.opted_out,
            l.excluding,
            l.position AS list_position,
            m.position,
            t.target_id IS NOT NULL AS is_there,
            t.email,
            t.address_key
        FROM jobrunner.mass_email_list AS l
        JOIN jobrunner.target_list_member AS m ON m.target_list_id = l.target_list_id
        LEFT JOIN jobrunner.targets() AS t ON t.target_type = m.target_type AND t.target_id = m.target_id
        WHERE l.mass_email_id = mailing.id
    ), excluded_target AS MATERIALIZED (
        SELECT DISTINCT m.target_type, m.target_id
        FROM member AS m
        WHERE m.excluding
    ), excluded_address AS MATERIALIZED (
        SELECT DISTINCT m.address_key
        FROM member AS m
        WHERE m.excluding AND m.address_key IS NOT NULL
    ), reached AS MATERIALIZED (
        SELECT q.target_type, q.target_id, q.address_key
        FROM jobrunner.queue_item AS q
        WHERE q.mass_email_id = mailing.id AND q.generation = mailing.generation AND NOT q.is_test
        UNION ALL
        SELECT o.target_type, o.target_id, o.address_key
        FROM jobrunner.former_item AS o
        WHERE o.mass_email_id = mailing.id
            AND o.generation = mailing.generation
            AND o.status IN ('Sent', 'Sending', 'Uncertain')
            AND NOT o.is_test
    ), reached_target AS MATERIALIZED (
        SELECT DISTINCT r.target_type, r.target_id
        FROM reached AS r
    ), reached_address AS MATERIALIZED (
        SELECT DISTINCT r.address_key
        FROM reached AS r
    ), judged AS (
        SELECT
            m.*,
            CASE
                WHEN NOT m.is_there THEN 'gone'
                WHEN m.email IS NULL THEN 'no address'
                WHEN lower(left(m.email, 7)) = 'erased:' THEN 'erased'
                WHEN (m.opted_out OR o.address_key IS NOT NULL) AND NOT is_informational THEN 'opted out of the list'
                WHEN xt.target_id IS NOT NULL OR xa.address_key IS NOT NULL THEN 'excluded'
                WHEN e.invalid THEN 'invalid'
                WHEN coalesce(e.opted_out, starts_out) AND NOT is_informational THEN 'opted out'
                WHEN rt.target_id IS NOT NULL OR ra.address_key IS NOT NULL THEN 'reached before'
            END AS reason
        FROM member AS m
        LEFT JOIN jobrunner.email_address AS e ON e.key = m.address_key
        LEFT JOIN jobrunner.target_list_opt_out AS o ON o.target_list_id = m.target_list_id AND o.address_key = m.address_key
        LEFT JOIN excluded_target AS xt ON xt.target_type = m.target_type AND xt.target_id = m.target_id
        LEFT JOIN excluded_address AS xa ON xa.address_key = m.address_key
        LEFT JOIN reached_target AS rt ON rt.target_type = m.target_type AND rt.target_id = m.target_id
        LEFT JOIN reached_address AS ra ON ra.address_key = m.address_key
        WHERE NOT m.excluding
    ), numbered AS (
        -- One target has one address: who comes first by address does so as a target.
        SELECT
            j.*,
            row_number() OVER (
                PARTITION BY CASE WHEN j.reason IS NULL THEN j.address_key END
                ORDER BY j.list_position, j.target_list_id, j.target_type, j.position
            ) AS place
        FROM judged AS j
    ), counted AS (
        SELECT coalesce(n.reason, 'repeated') AS reason, count(*) AS members
        FROM numbered AS n
        WHERE n.reason IS NOT NULL OR n.place > 1
        GROUP BY 1
    ), added AS (
        INSERT INTO jobrunner.queue_item AS q (mass_email_id, generation, target_type, target_id, email_address, address_key)
        SELECT mailing.id, mailing.generation, n.target_type, n.target_id, n.email, n.address_key
        FROM numbered AS n
        WHERE n.reason IS NULL AND n.place = 1
        ORDER BY n.list_position, n.target_list_id, n.target_type, n.position
        RETURNING 1
    )
    SELECT
        (SELECT count(*) FROM added),
        coalesce((SELECT jsonb_object_agg(c.reason, c.members) FROM counted AS c), '{}')
    INTO new_items, reasons;

    RETURN QUERY
    UPDATE jobrunner.mass_email AS m
    SET status = CASE WHEN new_items > 0 THEN 'In Process' ELSE 'Complete' END::jobrunner.mass_email_status,
        built_at = now(),
        finished_at = CASE WHEN new_items = 0 THEN now() END,
        left_out = reasons,
        reason = NULL
    WHERE m.id = mailing.id AND m.status = 'Pending'
    RETURNING m.status, new_items, m.left_out;
END;
$$;

-- Ends a mass e-mail before its end: Aborted by a person, or Failed because it cannot be sent. What waits is Skipped, or
-- fails with it; what is being sent at this moment is finished by who sends it, and leased items are not sent any more.
-- Returns how many items that were, NULL where it was not under way. (Statements after another: the later ones see what
-- was queued while the first waited for who built the queue.)
CREATE FUNCTION jobrunner.end_mailing(mass_email_id bigint, new_status jobrunner.mass_email_status, why text) RETURNS bigint
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    ended bigint;
BEGIN
    IF new_status IS NULL OR new_status NOT IN ('Aborted', 'Failed') THEN
        RAISE EXCEPTION 'a mass e-mail ends Aborted or Failed, got %', new_status USING ERRCODE = 'invalid_parameter_value';
    END IF;
    UPDATE jobrunner.mass_email AS m
    SET status = new_status,
        finished_at = now(),
        paused_at = NULL,
        reason = left(why, 1000)
    WHERE m.id = end_mailing.mass_email_id
        AND (m.status IN ('Pending', 'In Process') OR (m.status = 'Paused' AND new_status = 'Aborted'));
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    -- In the order in which who sends them stores what became of them.
    PERFORM
    FROM jobrunner.queue_item AS q
    WHERE q.mass_email_id = end_mailing.mass_email_id AND q.status = 'Pending' AND NOT q.is_test
    ORDER BY q.id
    FOR UPDATE;
    UPDATE jobrunner.queue_item AS q
    SET status = CASE WHEN new_status = 'Aborted' THEN 'Skipped' ELSE 'Failed' END::jobrunner.queue_item_status,
        finished_at = now(),
        reason = CASE WHEN new_status = 'Aborted' THEN 'the mass e-mail was aborted' ELSE left(why, 1000) END,
        sender_token = NULL,
        sender_job = NULL,
        sender_claim = NULL,
        sender_until = NULL
    WHERE q.mass_email_id = end_mailing.mass_email_id AND q.status = 'Pending' AND NOT q.is_test;
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN ended;
END;
$$;
