-- Everything that outlives a process, for one installation in one file.
--
-- Times are milliseconds since the Unix epoch, UTC.
--
-- Comment ids are random, and every index on them costs one page rewritten per comment stored. So
-- there is one such index, on comments; it leads to comment_seq, the order of arrival, and the tables
-- below it are keyed by that number: their rows and keys are appended.

CREATE TABLE sites (
    site_id        TEXT    NOT NULL PRIMARY KEY,
    display_name   TEXT    NOT NULL,
    settings       TEXT    NOT NULL, -- JSON
    privacy_key    BLOB    NOT NULL,
    create_time_ms INTEGER NOT NULL,
    update_time_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    key_id         TEXT    NOT NULL PRIMARY KEY,
    site_id        TEXT    NOT NULL,
    label          TEXT    NOT NULL,
    secret_sha256  BLOB    NOT NULL,
    roles          TEXT    NOT NULL, -- JSON array of role names
    create_time_ms INTEGER NOT NULL,
    expire_time_ms INTEGER,
    revoke_time_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX api_keys_by_site ON api_keys (site_id, key_id);

-- One row. Raised in the transaction of every change of sites or keys, so that processes can ask
-- cheaply whether their copy is still good.
CREATE TABLE directory_version (
    single  INTEGER NOT NULL PRIMARY KEY CHECK (single = 1),
    version INTEGER NOT NULL
) STRICT;

INSERT INTO directory_version (single, version) VALUES (1, 1);

-- Immutable versions.
CREATE TABLE rule_sets (
    version        TEXT    NOT NULL PRIMARY KEY,
    document       TEXT    NOT NULL,
    guidelines     TEXT    NOT NULL,
    create_time_ms INTEGER NOT NULL
) STRICT;

-- Append-only; the newest row is in force.
CREATE TABLE rule_set_activations (
    activation_id    INTEGER PRIMARY KEY AUTOINCREMENT,
    version          TEXT    NOT NULL REFERENCES rule_sets (version),
    activate_time_ms INTEGER NOT NULL
) STRICT;

-- What readers see: one row per comment, at its newest revision.
CREATE TABLE comments (
    comment_seq    INTEGER PRIMARY KEY,
    site_id        TEXT    NOT NULL,
    comment_id     TEXT    NOT NULL,
    thread_id      TEXT    NOT NULL,
    parent_id      TEXT,
    revision       INTEGER NOT NULL,
    author_key     BLOB,
    state          TEXT    NOT NULL,
    action         TEXT    NOT NULL,
    score          REAL    NOT NULL,
    decided        INTEGER NOT NULL, -- 1: a human decided about this revision
    create_time_ms INTEGER NOT NULL,
    accept_time_ms INTEGER NOT NULL,
    update_time_ms INTEGER NOT NULL,
    version        INTEGER NOT NULL,
    UNIQUE (site_id, comment_id)
) STRICT;

CREATE INDEX comments_by_accept_time ON comments (site_id, accept_time_ms, comment_id);

CREATE INDEX comments_published ON comments (site_id, thread_id, create_time_ms, comment_id)
    WHERE state = 'published';

CREATE INDEX comments_pending ON comments (site_id, accept_time_ms, comment_id)
    WHERE state = 'pending';

-- What was written, never changed.
CREATE TABLE comment_revisions (
    comment_seq        INTEGER NOT NULL,
    site_id            TEXT    NOT NULL,
    comment_id         TEXT    NOT NULL,
    revision           INTEGER NOT NULL CHECK (revision >= 1),
    submission_uid     BLOB    NOT NULL,
    content_hash       BLOB    NOT NULL,
    display_name       TEXT    NOT NULL,
    user_id            TEXT,
    author_url         TEXT,
    mail_hash          BLOB,
    ip_hash            BLOB,
    ip_prefix          TEXT,
    email              TEXT,
    ip                 TEXT,
    body               TEXT    NOT NULL,
    language           TEXT,
    permalink          TEXT,
    user_agent         TEXT,
    referrer           TEXT,
    guidelines_version TEXT,
    request_id         TEXT,
    fingerprint        INTEGER NOT NULL,
    create_time_ms     INTEGER NOT NULL,
    accept_time_ms     INTEGER NOT NULL,
    PRIMARY KEY (comment_seq, revision)
) STRICT;

-- What the engine said. The primary key is the promise: exactly one current verdict per revision.
CREATE TABLE verdicts (
    comment_seq      INTEGER NOT NULL,
    site_id          TEXT    NOT NULL,
    comment_id       TEXT    NOT NULL,
    revision         INTEGER NOT NULL,
    rule_set_version TEXT    NOT NULL,
    action           TEXT    NOT NULL,
    score            REAL    NOT NULL,
    approved_by_rule INTEGER NOT NULL,
    reasons          TEXT    NOT NULL, -- JSON
    signals          TEXT    NOT NULL, -- JSON
    degraded         TEXT    NOT NULL, -- JSON
    evaluate_time_ms INTEGER NOT NULL,
    PRIMARY KEY (comment_seq, revision)
) STRICT;

-- What happened, in order. One writer at a time, so a number is never committed after a higher one.
CREATE TABLE events (
    sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id    TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    comment_id TEXT    NOT NULL,
    thread_id  TEXT    NOT NULL,
    revision   INTEGER NOT NULL,
    action     TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    time_ms    INTEGER NOT NULL
) STRICT;

CREATE INDEX events_by_site ON events (site_id, sequence);

-- What is known about an author before the next comment is judged.
CREATE TABLE authors (
    site_id       TEXT    NOT NULL,
    author_key    BLOB    NOT NULL,
    comments      INTEGER NOT NULL,
    published     INTEGER NOT NULL,
    rejected      INTEGER NOT NULL,
    first_seen_ms INTEGER NOT NULL,
    last_seen_ms  INTEGER NOT NULL,
    last_text     INTEGER NOT NULL,
    PRIMARY KEY (site_id, author_key)
) STRICT, WITHOUT ROWID;

-- What humans decided, never changed.
CREATE TABLE decisions (
    decision_id    INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id        TEXT    NOT NULL,
    comment_id     TEXT    NOT NULL,
    revision       INTEGER NOT NULL,
    kind           TEXT    NOT NULL,
    moderator      TEXT    NOT NULL,
    guideline      TEXT,
    note           TEXT,
    decide_time_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX decisions_by_comment ON decisions (site_id, comment_id);

-- The queue: accepted submissions until they are judged, and what could not be judged.
CREATE TABLE queue_messages (
    message_seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    place           TEXT    NOT NULL CHECK (place IN ('work', 'dead')),
    message_id      BLOB    NOT NULL,
    kind            TEXT    NOT NULL,
    schema          INTEGER NOT NULL,
    items           INTEGER NOT NULL,
    first_accept_ms INTEGER NOT NULL,
    attempt         INTEGER NOT NULL,
    last_error      TEXT,
    correlation_id  TEXT,
    traceparent     TEXT,
    available_at_ms INTEGER NOT NULL, -- 0: at once; otherwise held back for a retry until then
    enqueue_time_ms INTEGER NOT NULL,
    body_bytes      INTEGER NOT NULL,
    body            BLOB    NOT NULL
) STRICT;

-- Work in the order it is taken. With the columns that a worker looks at before it takes a message,
-- so that looking never touches a body.
CREATE INDEX queue_work ON queue_messages (available_at_ms, message_seq, items, body_bytes, enqueue_time_ms)
    WHERE place = 'work';

CREATE INDEX queue_dead ON queue_messages (message_seq, message_id) WHERE place = 'dead';

-- How often a message was handed out. Apart from the message, so that counting a delivery does not
-- rewrite a body of 256 KiB.
CREATE TABLE queue_deliveries (
    message_seq INTEGER PRIMARY KEY,
    count       INTEGER NOT NULL
) STRICT;

-- How much is in the queue: the length limit asks at every commit, and counting 100,000 rows there
-- would cost more than the commit. Kept by triggers, so it is right whoever writes the file.
CREATE TABLE queue_totals (
    place    TEXT    NOT NULL PRIMARY KEY,
    messages INTEGER NOT NULL,
    bytes    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO queue_totals (place, messages, bytes) VALUES ('work', 0, 0), ('dead', 0, 0);

CREATE TRIGGER queue_message_added AFTER INSERT ON queue_messages BEGIN
    UPDATE queue_totals SET messages = messages + 1, bytes = bytes + new.body_bytes
    WHERE place = new.place;
END;

CREATE TRIGGER queue_message_moved AFTER UPDATE OF place ON queue_messages BEGIN
    UPDATE queue_totals SET messages = messages - 1, bytes = bytes - old.body_bytes
    WHERE place = old.place;
    UPDATE queue_totals SET messages = messages + 1, bytes = bytes + new.body_bytes
    WHERE place = new.place;
    DELETE FROM queue_deliveries WHERE message_seq = old.message_seq;
END;

CREATE TRIGGER queue_message_removed AFTER DELETE ON queue_messages BEGIN
    UPDATE queue_totals SET messages = messages - 1, bytes = bytes - old.body_bytes
    WHERE place = old.place;
    DELETE FROM queue_deliveries WHERE message_seq = old.message_seq;
END;
