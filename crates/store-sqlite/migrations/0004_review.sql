-- What waits for moderators, and what they make of it.

-- Where a comment waits follows from its standing and is written with whatever changes it, so a count
-- of rows is the count of a queue. `reported` counts open reports. The sketch of the text is kept of
-- comments that wait, if some rule had it made.
ALTER TABLE comments ADD COLUMN queue TEXT; -- NULL: it waits nowhere
ALTER TABLE comments ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE comments ADD COLUMN wait_since_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE comments ADD COLUMN category TEXT;
ALTER TABLE comments ADD COLUMN escalated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE comments ADD COLUMN reported INTEGER NOT NULL DEFAULT 0;
ALTER TABLE comments ADD COLUMN appealed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE comments ADD COLUMN fingerprint INTEGER NOT NULL DEFAULT 0;
ALTER TABLE comments ADD COLUMN probe_a INTEGER;
ALTER TABLE comments ADD COLUMN probe_b INTEGER;
ALTER TABLE comments ADD COLUMN shingles BLOB;

-- What was stored before, as the code does it from now on.
UPDATE comments SET
    priority = j.priority, category = j.category, fingerprint = j.fingerprint,
    wait_since_ms = accept_time_ms,
    queue = CASE WHEN state = 'withdrawn' OR decided AND state <> 'pending' THEN NULL
                 WHEN decided THEN 'pending'
                 WHEN j.priority = 3 THEN 'escalated'
                 WHEN state = 'spam' THEN 'spam'
                 WHEN state = 'rejected' THEN NULL
                 WHEN action <> 'allow' THEN 'flagged'
                 WHEN state = 'pending' THEN 'pending' END
FROM (
    SELECT v.comment_seq AS seq, v.revision AS judged, r.fingerprint, v.reasons ->> '$[0].category' AS category,
           CASE WHEN EXISTS (SELECT 1 FROM json_each(v.reasons) AS reason
                             WHERE reason.value ->> '$.category' = 'crisis') THEN 3
                WHEN v.action = 'allow' THEN 0
                WHEN EXISTS (SELECT 1 FROM json_each(v.reasons) AS reason
                             WHERE reason.value ->> '$.category' IN ('threat', 'hate', 'harassment', 'privacy'))
                THEN 2
                ELSE 1 END AS priority
    FROM verdicts AS v JOIN comment_revisions AS r USING (comment_seq, revision)
) AS j
WHERE comment_seq = j.seq AND revision = j.judged;

-- A page of a queue is cut from its runs of one priority: see store/review/queue.rs.
-- Behind the order stands what pages are filtered by, so that a filter is answered from the index.
CREATE INDEX comments_waiting
    ON comments (site_id, queue, priority DESC, wait_since_ms, comment_id, category, thread_id, author_key)
    WHERE queue IS NOT NULL;
CREATE INDEX comments_by_author ON comments (site_id, author_key, accept_time_ms)
    WHERE author_key IS NOT NULL;
CREATE INDEX comments_by_parent ON comments (site_id, parent_id, create_time_ms)
    WHERE parent_id IS NOT NULL;
-- Campaigns: the same text or a variant of it, among what waits.
CREATE INDEX comments_alike ON comments (site_id, fingerprint) WHERE queue IS NOT NULL;
CREATE INDEX comments_alike_a ON comments (site_id, probe_a) WHERE queue IS NOT NULL AND probe_a IS NOT NULL;
CREATE INDEX comments_alike_b ON comments (site_id, probe_b) WHERE queue IS NOT NULL AND probe_b IS NOT NULL;

-- One row per comment and decision: those with the same `decision` were made by one press of a key.
-- `before` is what an undo restores (JSON), `version` the comment's after it. Effects outside (mails,
-- statements) are due when the time to undo has passed.
ALTER TABLE decisions ADD COLUMN decision BLOB;
ALTER TABLE decisions ADD COLUMN actor_id TEXT NOT NULL DEFAULT 'operator';
ALTER TABLE decisions ADD COLUMN actor_name TEXT;
ALTER TABLE decisions ADD COLUMN message TEXT;
ALTER TABLE decisions ADD COLUMN waited_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE decisions ADD COLUMN undo_until_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE decisions ADD COLUMN undone_time_ms INTEGER;
ALTER TABLE decisions ADD COLUMN undone_by_id TEXT;
ALTER TABLE decisions ADD COLUMN undone_by_name TEXT;
ALTER TABLE decisions ADD COLUMN before TEXT;
ALTER TABLE decisions ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE decisions ADD COLUMN effects_time_ms INTEGER;

UPDATE decisions SET
    decision = randomblob(16), undo_until_ms = decide_time_ms, effects_time_ms = decide_time_ms;

CREATE UNIQUE INDEX decisions_once ON decisions (decision, site_id, comment_id);
CREATE INDEX decisions_by_site ON decisions (site_id, decide_time_ms, decision, comment_id);
CREATE INDEX decisions_by_actor ON decisions (site_id, actor_id, decide_time_ms, decision, comment_id);
CREATE INDEX decisions_due ON decisions (undo_until_ms) WHERE effects_time_ms IS NULL;

-- Who is looking at what. A lease: what has expired does not count.
CREATE TABLE claims (
    site_id        TEXT    NOT NULL,
    comment_id     TEXT    NOT NULL,
    holder_id      TEXT    NOT NULL,
    holder_name    TEXT    NOT NULL,
    claim_time_ms  INTEGER NOT NULL,
    expire_time_ms INTEGER NOT NULL,
    PRIMARY KEY (site_id, comment_id)
) STRICT, WITHOUT ROWID;

-- Moderators' words to each other.
CREATE TABLE notes (
    note_id    INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id    TEXT    NOT NULL,
    comment_id TEXT    NOT NULL,
    actor_id   TEXT    NOT NULL,
    actor_name TEXT    NOT NULL,
    text       TEXT    NOT NULL,
    time_ms    INTEGER NOT NULL
) STRICT;

CREATE INDEX notes_by_comment ON notes (site_id, comment_id, note_id);

-- Whose comments are rejected whatever they say.
CREATE TABLE sanctions (
    site_id      TEXT    NOT NULL,
    author_key   BLOB    NOT NULL,
    display_name TEXT    NOT NULL,
    until_ms     INTEGER, -- NULL: until it is lifted
    reason       TEXT    NOT NULL,
    actor_id     TEXT    NOT NULL,
    actor_name   TEXT    NOT NULL,
    time_ms      INTEGER NOT NULL,
    PRIMARY KEY (site_id, author_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE saved_filters (
    site_id   TEXT NOT NULL,
    filter_id TEXT NOT NULL,
    name      TEXT NOT NULL,
    owner     TEXT, -- NULL: everybody's
    filter    TEXT NOT NULL, -- JSON
    PRIMARY KEY (site_id, filter_id)
) STRICT, WITHOUT ROWID;

-- Who did what, append-only. Each hash covers the entry and the hash before it, so that nothing in the
-- middle can be changed or taken out unnoticed.
CREATE TABLE audit_log (
    entry_seq  INTEGER PRIMARY KEY,
    site_id    TEXT, -- NULL: the whole installation
    actor_id   TEXT    NOT NULL,
    actor_name TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    details    TEXT    NOT NULL, -- JSON, as it was hashed
    time_ms    INTEGER NOT NULL,
    hash       BLOB    NOT NULL
) STRICT;

CREATE INDEX audit_by_site ON audit_log (site_id, entry_seq);

-- One row: the newest entry.
CREATE TABLE audit_head (
    single    INTEGER NOT NULL PRIMARY KEY CHECK (single = 1),
    entry_seq INTEGER NOT NULL,
    hash      BLOB    NOT NULL
) STRICT;

INSERT INTO audit_head (single, entry_seq, hash) VALUES (1, 0, zeroblob(32));
