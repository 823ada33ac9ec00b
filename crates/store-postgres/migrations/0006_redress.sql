-- What authors and readers can do: report, be told why, object; and the mails that follow.

-- One row per person and text: a second report of the same person changes nothing. A notice of illegal
-- content (formal) counts beside a plain report. The primary key serves every query: all of them are
-- about one comment.
CREATE TABLE reports (
    site_id          text COLLATE "C" NOT NULL,
    comment_id       text COLLATE "C" NOT NULL,
    revision         bigint  NOT NULL,
    reporter         bytea   NOT NULL,
    formal           boolean NOT NULL,
    reason           text COLLATE "C" NOT NULL,
    words            text,
    notice           json,
    request_id       text,
    outcome          text COLLATE "C" NOT NULL, -- what the reporter was answered
    status           text COLLATE "C" NOT NULL CHECK (status IN ('open', 'upheld', 'dismissed')),
    report_time_ms   bigint  NOT NULL,
    decision         uuid, -- the one that answered it
    PRIMARY KEY (site_id, comment_id, revision, reporter, formal)
);

-- What authors were told, never changed.
CREATE TABLE statements (
    puid                 text COLLATE "C" PRIMARY KEY,
    site_id              text COLLATE "C" NOT NULL,
    comment_id           text COLLATE "C" NOT NULL,
    revision             bigint  NOT NULL,
    decision             uuid, -- NULL: by the engine alone
    category             text    NOT NULL,
    guideline            json, -- the section as it read then
    facts                text    NOT NULL,
    message              text,
    source               text COLLATE "C" NOT NULL,
    automated_detection  boolean NOT NULL,
    automated_decision   boolean NOT NULL,
    language             text,
    content_time_ms      bigint  NOT NULL,
    restrict_time_ms     bigint  NOT NULL,
    create_time_ms       bigint  NOT NULL
);

CREATE INDEX statements_by_comment ON statements (site_id, comment_id, create_time_ms);
CREATE INDEX statements_by_time ON statements (site_id, create_time_ms, puid);

-- One per statement.
CREATE TABLE appeals (
    puid             text COLLATE "C" PRIMARY KEY,
    site_id          text COLLATE "C" NOT NULL,
    comment_id       text COLLATE "C" NOT NULL,
    revision         bigint NOT NULL,
    decision         uuid, -- objected to; NULL: by the engine alone
    decided_by       text, -- who cannot answer it
    words            text   NOT NULL,
    status           text COLLATE "C" NOT NULL CHECK (status IN ('open', 'upheld', 'rejected')),
    create_time_ms   bigint NOT NULL,
    resolution       uuid, -- the decision that answered it
    resolve_time_ms  bigint
);

CREATE INDEX appeals_by_comment ON appeals (site_id, comment_id, create_time_ms);

-- A decision that an appeal overturned, and by which one.
ALTER TABLE decisions ADD COLUMN overturned_by uuid;

-- Mails. A sent one keeps its id, so that it is not sent again, and forgets whom it went to.
CREATE TABLE mails (
    mail_id          uuid PRIMARY KEY,
    kind             text COLLATE "C" NOT NULL,
    site_id          text COLLATE "C",
    recipient        text   NOT NULL,
    subject          text   NOT NULL,
    body             text   NOT NULL,
    due_ms           bigint NOT NULL,
    attempts         integer NOT NULL DEFAULT 0,
    next_attempt_ms  bigint, -- NULL: sent, or given up
    sent_ms          bigint,
    last_error       text
);

CREATE INDEX mails_due ON mails (next_attempt_ms, mail_id) WHERE next_attempt_ms IS NOT NULL;

-- Up to where in the log rejections by the engine were stated. What was rejected before this release
-- is not stated.
CREATE TABLE redress_progress (
    single    boolean PRIMARY KEY DEFAULT true CHECK (single),
    xact_id   bigint NOT NULL,
    sequence  bigint NOT NULL
);

INSERT INTO redress_progress (xact_id, sequence)
VALUES (pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1, 9223372036854775807);

-- Rejections are few among many verdicts: found without reading the others.
CREATE INDEX events_rejected ON events (xact_id, sequence)
    WHERE kind = 'verdict.recorded' AND state = 'rejected';
