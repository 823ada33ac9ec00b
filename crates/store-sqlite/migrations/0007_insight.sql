-- How often people agree: a sample of decisions, decided once more by somebody who does not know the
-- first outcome. One second look per decision. The category is that of the weightiest reason.
CREATE TABLE second_looks (
    decision   BLOB    NOT NULL,
    site_id    TEXT    NOT NULL,
    comment_id TEXT    NOT NULL,
    actor_id   TEXT    NOT NULL,
    actor_name TEXT    NOT NULL,
    category   TEXT,
    first_kind TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    time_ms    INTEGER NOT NULL,
    PRIMARY KEY (decision, site_id, comment_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX second_looks_by_site ON second_looks (site_id, time_ms);
