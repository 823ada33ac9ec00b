-- What authors and readers can do: report, be told why, object; and the mails that follow.

-- One row per person and text: a second report of the same person changes nothing. A notice of illegal
-- content (formal) counts beside a plain report. The primary key serves every query: all of them are
-- about one comment.
CREATE TABLE reports (
    site_id        TEXT    NOT NULL,
    comment_id     TEXT    NOT NULL,
    revision       INTEGER NOT NULL,
    reporter       BLOB    NOT NULL,
    formal         INTEGER NOT NULL,
    reason         TEXT    NOT NULL,
    words          TEXT,
    notice         TEXT, -- JSON
    request_id     TEXT,
    outcome        TEXT    NOT NULL, -- what the reporter was answered
    status         TEXT    NOT NULL CHECK (status IN ('open', 'upheld', 'dismissed')),
    report_time_ms INTEGER NOT NULL,
    decision       BLOB, -- the one that answered it
    PRIMARY KEY (site_id, comment_id, revision, reporter, formal)
) STRICT, WITHOUT ROWID;

-- What authors were told, never changed.
CREATE TABLE statements (
    puid                TEXT    NOT NULL PRIMARY KEY,
    site_id             TEXT    NOT NULL,
    comment_id          TEXT    NOT NULL,
    revision            INTEGER NOT NULL,
    decision            BLOB, -- NULL: by the engine alone
    category            TEXT    NOT NULL,
    guideline           TEXT, -- JSON: the section as it read then
    facts               TEXT    NOT NULL,
    message             TEXT,
    source              TEXT    NOT NULL,
    automated_detection INTEGER NOT NULL,
    automated_decision  INTEGER NOT NULL,
    language            TEXT,
    content_time_ms     INTEGER NOT NULL,
    restrict_time_ms    INTEGER NOT NULL,
    create_time_ms      INTEGER NOT NULL
) STRICT;

CREATE INDEX statements_by_comment ON statements (site_id, comment_id, create_time_ms);

CREATE INDEX statements_by_time ON statements (site_id, create_time_ms, puid);

-- One per statement.
CREATE TABLE appeals (
    puid            TEXT    NOT NULL PRIMARY KEY,
    site_id         TEXT    NOT NULL,
    comment_id      TEXT    NOT NULL,
    revision        INTEGER NOT NULL,
    decision        BLOB, -- objected to; NULL: by the engine alone
    decided_by      TEXT, -- who cannot answer it
    words           TEXT    NOT NULL,
    status          TEXT    NOT NULL CHECK (status IN ('open', 'upheld', 'rejected')),
    create_time_ms  INTEGER NOT NULL,
    resolution      BLOB, -- the decision that answered it
    resolve_time_ms INTEGER
) STRICT;

CREATE INDEX appeals_by_comment ON appeals (site_id, comment_id, create_time_ms);

-- A decision that an appeal overturned, and by which one.
ALTER TABLE decisions ADD COLUMN overturned_by BLOB;

-- Mails. A sent one keeps its id, so that it is not sent again, and forgets whom it went to.
CREATE TABLE mails (
    mail_id         BLOB    NOT NULL PRIMARY KEY,
    kind            TEXT    NOT NULL,
    site_id         TEXT,
    recipient       TEXT    NOT NULL,
    subject         TEXT    NOT NULL,
    body            TEXT    NOT NULL,
    due_ms          INTEGER NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    next_attempt_ms INTEGER, -- NULL: sent, or given up
    sent_ms         INTEGER,
    last_error      TEXT
) STRICT;

CREATE INDEX mails_due ON mails (next_attempt_ms, mail_id) WHERE next_attempt_ms IS NOT NULL;

-- Up to where in the log rejections by the engine were stated. What was rejected before this release
-- is not stated.
CREATE TABLE redress_progress (
    single   INTEGER NOT NULL PRIMARY KEY CHECK (single = 1),
    sequence INTEGER NOT NULL
) STRICT;

INSERT INTO redress_progress (single, sequence)
VALUES (1, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0));

-- Rejections are few among many verdicts: found without reading the others.
CREATE INDEX events_rejected ON events (sequence) WHERE kind = 'verdict.recorded' AND state = 'rejected';
