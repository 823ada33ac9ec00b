-- What comments are judged by besides their text.

-- What the platform told about the comment (JSON); NULL: nothing.
ALTER TABLE comment_revisions ADD COLUMN circumstances TEXT;

-- The facts that a verdict was given with (JSON), so that it can be repeated; NULL: none.
ALTER TABLE verdicts ADD COLUMN facts TEXT;

-- The log of recent comments. Only what rules ask for is filled in, and only that costs an index
-- entry. Rows are appended and, after some days, deleted from the front.
CREATE TABLE recent_comments (
    recent_seq   INTEGER PRIMARY KEY,
    time_ms      INTEGER NOT NULL,
    comment_seq  INTEGER NOT NULL,
    author_log   INTEGER,
    network_log  INTEGER,
    thread_log   INTEGER,
    writer       INTEGER,
    text_whole   INTEGER,
    probe_a      INTEGER,
    probe_b      INTEGER,
    shingles     BLOB
) STRICT;

CREATE INDEX recent_by_author ON recent_comments (author_log, time_ms) WHERE author_log IS NOT NULL;
CREATE INDEX recent_by_network ON recent_comments (network_log, time_ms) WHERE network_log IS NOT NULL;
CREATE INDEX recent_by_thread ON recent_comments (thread_log, time_ms) WHERE thread_log IS NOT NULL;
CREATE INDEX recent_by_probe_a ON recent_comments (probe_a, time_ms) WHERE probe_a IS NOT NULL;
CREATE INDEX recent_by_probe_b ON recent_comments (probe_b, time_ms) WHERE probe_b IS NOT NULL;
