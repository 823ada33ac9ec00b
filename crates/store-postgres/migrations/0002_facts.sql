-- What comments are judged by besides their text.

-- What the platform told about the comment (JSON); NULL: nothing.
ALTER TABLE comment_revisions ADD COLUMN circumstances json;

-- The facts that a verdict was given with (JSON), so that it can be repeated; NULL: none.
ALTER TABLE verdicts ADD COLUMN facts json;

-- The log of recent comments. Only what rules ask for is filled in, and only that costs an index
-- entry. Rows are appended and, after some days, deleted by age; nothing is ever updated.
CREATE TABLE recent_comments (
    time_ms      bigint NOT NULL,
    site_id      text COLLATE "C" NOT NULL,
    comment_id   text COLLATE "C" NOT NULL,
    author_log   bigint,
    network_log  bigint,
    thread_log   bigint,
    writer       bigint,
    text_whole   bigint,
    probe_a      bigint,
    probe_b      bigint,
    shingles     bytea
);

CREATE INDEX recent_by_author ON recent_comments (author_log, time_ms) WHERE author_log IS NOT NULL;
CREATE INDEX recent_by_network ON recent_comments (network_log, time_ms) WHERE network_log IS NOT NULL;
CREATE INDEX recent_by_thread ON recent_comments (thread_log, time_ms) WHERE thread_log IS NOT NULL;
CREATE INDEX recent_by_probe_a ON recent_comments (probe_a, time_ms) WHERE probe_a IS NOT NULL;
CREATE INDEX recent_by_probe_b ON recent_comments (probe_b, time_ms) WHERE probe_b IS NOT NULL;

-- For deleting by age. New rows go to its right end, which costs next to nothing.
CREATE INDEX recent_by_time ON recent_comments (time_ms);
