-- What waits for moderators, and what they make of it.

-- Where a comment waits follows from its standing and is written with whatever changes it, so a count
-- of rows is the count of a queue. `reported` counts open reports. The sketch of the text is kept of
-- comments that wait, if some rule had it made.
ALTER TABLE comments
    ADD COLUMN queue          text COLLATE "C", -- NULL: it waits nowhere
    ADD COLUMN priority       smallint NOT NULL DEFAULT 0,
    ADD COLUMN wait_since_ms  bigint   NOT NULL DEFAULT 0,
    ADD COLUMN category       text COLLATE "C",
    ADD COLUMN escalated      boolean  NOT NULL DEFAULT false,
    ADD COLUMN reported       integer  NOT NULL DEFAULT 0,
    ADD COLUMN appealed       boolean  NOT NULL DEFAULT false,
    ADD COLUMN fingerprint    bigint   NOT NULL DEFAULT 0,
    ADD COLUMN probe_a        bigint,
    ADD COLUMN probe_b        bigint,
    ADD COLUMN shingles       bytea;

-- What was stored before, as the code does it from now on.
UPDATE comments c SET
    priority = j.priority, category = j.category, fingerprint = j.fingerprint,
    wait_since_ms = c.accept_time_ms,
    queue = CASE WHEN c.state = 'withdrawn' OR c.decided AND c.state <> 'pending' THEN NULL
                 WHEN c.decided THEN 'pending'
                 WHEN j.priority = 3 THEN 'escalated'
                 WHEN c.state = 'spam' THEN 'spam'
                 WHEN c.state = 'rejected' THEN NULL
                 WHEN c.action <> 'allow' THEN 'flagged'
                 WHEN c.state = 'pending' THEN 'pending' END
FROM (
    SELECT v.site_id, v.comment_id, v.revision, r.fingerprint, v.reasons -> 0 ->> 'category' AS category,
           CASE WHEN 'crisis' = ANY (categories) THEN 3
                WHEN v.action = 'allow' THEN 0
                WHEN categories && ARRAY['threat', 'hate', 'harassment', 'privacy'] THEN 2
                ELSE 1 END AS priority
    FROM verdicts v JOIN comment_revisions r USING (site_id, comment_id, revision)
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(reason ->> 'category'), '{}') AS categories
        FROM json_array_elements(v.reasons) AS reason) AS of_reasons
) AS j
WHERE c.site_id = j.site_id AND c.comment_id = j.comment_id AND c.revision = j.revision;

-- A page of a queue is cut from its runs of one priority: see review/queue.rs.
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
ALTER TABLE decisions
    ADD COLUMN decision         uuid   NOT NULL DEFAULT gen_random_uuid(),
    ADD COLUMN actor_id         text COLLATE "C" NOT NULL DEFAULT 'operator',
    ADD COLUMN actor_name       text,
    ADD COLUMN message          text,
    ADD COLUMN waited_ms        bigint NOT NULL DEFAULT 0,
    ADD COLUMN undo_until_ms    bigint NOT NULL DEFAULT 0,
    ADD COLUMN undone_time_ms   bigint,
    ADD COLUMN undone_by_id     text COLLATE "C",
    ADD COLUMN undone_by_name   text,
    ADD COLUMN before           json,
    ADD COLUMN version          bigint NOT NULL DEFAULT 0,
    ADD COLUMN effects_time_ms  bigint;

UPDATE decisions SET undo_until_ms = decide_time_ms, effects_time_ms = decide_time_ms;

CREATE UNIQUE INDEX decisions_once ON decisions (decision, site_id, comment_id);
CREATE INDEX decisions_by_site ON decisions (site_id, decide_time_ms, decision, comment_id);
CREATE INDEX decisions_by_actor ON decisions (site_id, actor_id, decide_time_ms, decision, comment_id);
CREATE INDEX decisions_due ON decisions (undo_until_ms) WHERE effects_time_ms IS NULL;

-- Who is looking at what. A lease: what has expired does not count.
CREATE TABLE claims (
    site_id         text COLLATE "C" NOT NULL,
    comment_id      text COLLATE "C" NOT NULL,
    holder_id       text COLLATE "C" NOT NULL,
    holder_name     text   NOT NULL,
    claim_time_ms   bigint NOT NULL,
    expire_time_ms  bigint NOT NULL,
    PRIMARY KEY (site_id, comment_id)
);

-- Moderators' words to each other.
CREATE TABLE notes (
    note_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id     text COLLATE "C" NOT NULL,
    comment_id  text COLLATE "C" NOT NULL,
    actor_id    text COLLATE "C" NOT NULL,
    actor_name  text   NOT NULL,
    text        text   NOT NULL,
    time_ms     bigint NOT NULL
);

CREATE INDEX notes_by_comment ON notes (site_id, comment_id, note_id);

-- Whose comments are rejected whatever they say.
CREATE TABLE sanctions (
    site_id       text COLLATE "C" NOT NULL,
    author_key    bytea  NOT NULL,
    display_name  text   NOT NULL,
    until_ms      bigint, -- NULL: until it is lifted
    reason        text   NOT NULL,
    actor_id      text COLLATE "C" NOT NULL,
    actor_name    text   NOT NULL,
    time_ms       bigint NOT NULL,
    PRIMARY KEY (site_id, author_key)
);

CREATE TABLE saved_filters (
    site_id    text COLLATE "C" NOT NULL,
    filter_id  text COLLATE "C" NOT NULL,
    name       text NOT NULL,
    owner      text COLLATE "C", -- NULL: everybody's
    filter     json NOT NULL,
    PRIMARY KEY (site_id, filter_id)
);

-- Who did what, append-only. Each hash covers the entry and the hash before it, so that nothing in the
-- middle can be changed or taken out unnoticed.
CREATE TABLE audit_log (
    entry_seq   bigint PRIMARY KEY,
    site_id     text COLLATE "C", -- NULL: the whole installation
    actor_id    text COLLATE "C" NOT NULL,
    actor_name  text   NOT NULL,
    action      text COLLATE "C" NOT NULL,
    subject     text   NOT NULL,
    details     text   NOT NULL, -- JSON, as it was hashed
    time_ms     bigint NOT NULL,
    hash        bytea  NOT NULL
);

CREATE INDEX audit_by_site ON audit_log (site_id, entry_seq);

-- One row: the newest entry. Who appends locks it, as the last lock of its transaction.
CREATE TABLE audit_head (
    single     boolean PRIMARY KEY DEFAULT true CHECK (single),
    entry_seq  bigint NOT NULL,
    hash       bytea  NOT NULL
);

INSERT INTO audit_head (entry_seq, hash) VALUES (0, decode(repeat('00', 32), 'hex'));
