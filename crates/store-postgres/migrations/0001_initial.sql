-- The first schema.
--
-- Times are milliseconds since the Unix epoch, UTC (`*_ms`). Ids are compared byte by byte
-- (COLLATE "C"): the order is the same on every machine and in every backend, and an upgrade of
-- the operating system's locale data cannot corrupt an index.
--
-- There are no foreign keys on the tables that are written per comment: each would look up (and
-- lock) a parent row for every row inserted, and the one transaction that writes a comment, its
-- revision, its verdict and its event already keeps them together.

CREATE TABLE sites (
    site_id         text COLLATE "C" PRIMARY KEY,
    display_name    text   NOT NULL,
    settings        jsonb  NOT NULL,
    privacy_key     bytea  NOT NULL,
    create_time_ms  bigint NOT NULL,
    update_time_ms  bigint NOT NULL
);

CREATE TABLE api_keys (
    key_id          text COLLATE "C" PRIMARY KEY,
    site_id         text COLLATE "C" NOT NULL,
    label           text   NOT NULL,
    secret_sha256   bytea  NOT NULL,
    roles           text[] NOT NULL,
    create_time_ms  bigint NOT NULL,
    expire_time_ms  bigint,
    revoke_time_ms  bigint
);

CREATE INDEX api_keys_by_site ON api_keys (site_id, key_id);

-- One row. Raised in every transaction that changes sites or keys, so that a process can ask
-- "anything new?" by reading one number.
CREATE TABLE directory_version (
    single          boolean PRIMARY KEY DEFAULT true CHECK (single),
    version         bigint NOT NULL
);

INSERT INTO directory_version (version) VALUES (1);

CREATE TABLE rule_sets (
    version         text COLLATE "C" PRIMARY KEY,
    document        text   NOT NULL,
    guidelines      text   NOT NULL,
    create_time_ms  bigint NOT NULL
);

-- Append-only; the newest row is in force.
CREATE TABLE rule_set_activations (
    activation_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version           text COLLATE "C" NOT NULL REFERENCES rule_sets (version),
    activate_time_ms  bigint NOT NULL
);

-- What readers and moderators see of a comment: always its newest revision.
CREATE TABLE comments (
    site_id         text COLLATE "C" NOT NULL,
    comment_id      text COLLATE "C" NOT NULL,
    thread_id       text COLLATE "C" NOT NULL,
    parent_id       text COLLATE "C",
    revision        bigint  NOT NULL,
    author_key      bytea,
    state           text COLLATE "C" NOT NULL,
    action          text COLLATE "C" NOT NULL,
    score           float8  NOT NULL,
    decided         boolean NOT NULL,
    create_time_ms  bigint  NOT NULL,
    accept_time_ms  bigint  NOT NULL,
    update_time_ms  bigint  NOT NULL,
    version         bigint  NOT NULL,
    PRIMARY KEY (site_id, comment_id)
);

CREATE INDEX comments_by_accept_time ON comments (site_id, accept_time_ms, comment_id);
CREATE INDEX comments_published ON comments (site_id, thread_id, create_time_ms, comment_id)
    WHERE state = 'published';
CREATE INDEX comments_pending ON comments (site_id, accept_time_ms, comment_id)
    WHERE state = 'pending';

-- What was submitted, once per revision, never changed. `email` and `ip` are filled only for sites
-- that opted in.
CREATE TABLE comment_revisions (
    site_id             text COLLATE "C" NOT NULL,
    comment_id          text COLLATE "C" NOT NULL,
    revision            bigint NOT NULL CHECK (revision >= 1),
    submission_uid      uuid   NOT NULL,
    content_hash        bytea  NOT NULL,
    display_name        text   NOT NULL,
    user_id             text,
    author_url          text,
    mail_hash           bytea,
    ip_hash             bytea,
    ip_prefix           text,
    email               text,
    ip                  text,
    body                text   NOT NULL,
    language            text,
    permalink           text,
    user_agent          text,
    referrer            text,
    guidelines_version  text,
    request_id          text,
    fingerprint         bigint NOT NULL,
    create_time_ms      bigint NOT NULL,
    accept_time_ms      bigint NOT NULL,
    PRIMARY KEY (site_id, comment_id, revision)
);

-- The primary key is the promise: exactly one current verdict per revision. The documents are
-- `json`, not `jsonb`: they are read back whole, in the order and with the numbers they had.
CREATE TABLE verdicts (
    site_id           text COLLATE "C" NOT NULL,
    comment_id        text COLLATE "C" NOT NULL,
    revision          bigint  NOT NULL,
    rule_set_version  text COLLATE "C" NOT NULL,
    action            text COLLATE "C" NOT NULL,
    score             float8  NOT NULL,
    approved_by_rule  boolean NOT NULL,
    reasons           json    NOT NULL,
    signals           json    NOT NULL,
    degraded          json    NOT NULL,
    evaluate_time_ms  bigint  NOT NULL,
    PRIMARY KEY (site_id, comment_id, revision)
);

-- The log. A sequence alone cannot order it for readers: a transaction may commit after another
-- one that drew a higher number, and a reader who had passed that number would miss its events. So
-- the order is (transaction, number), and readers are shown only transactions older than the oldest
-- one still running. Transaction ids are the 64-bit ones, which do not wrap around.
CREATE TABLE events (
    xact_id     bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    sequence    bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    site_id     text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    comment_id  text COLLATE "C" NOT NULL,
    thread_id   text COLLATE "C" NOT NULL,
    revision    bigint NOT NULL,
    action      text COLLATE "C" NOT NULL,
    state       text COLLATE "C" NOT NULL,
    time_ms     bigint NOT NULL,
    PRIMARY KEY (xact_id, sequence)
);

CREATE INDEX events_by_site ON events (site_id, xact_id, sequence);

-- Counters that are rewritten with every comment of an author. No index covers them, and with room
-- left in each page such an update touches the page alone and no index (a HOT update).
CREATE TABLE authors (
    site_id        text COLLATE "C" NOT NULL,
    author_key     bytea  NOT NULL,
    comments       bigint NOT NULL,
    published      bigint NOT NULL,
    rejected       bigint NOT NULL,
    first_seen_ms  bigint NOT NULL,
    last_seen_ms   bigint NOT NULL,
    last_text      bigint NOT NULL,
    PRIMARY KEY (site_id, author_key)
) WITH (fillfactor = 70);

CREATE TABLE decisions (
    decision_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id         text COLLATE "C" NOT NULL,
    comment_id      text COLLATE "C" NOT NULL,
    revision        bigint NOT NULL,
    kind            text COLLATE "C" NOT NULL,
    moderator       text   NOT NULL,
    guideline       text,
    note            text,
    decide_time_ms  bigint NOT NULL
);

CREATE INDEX decisions_by_comment ON decisions (site_id, comment_id);
