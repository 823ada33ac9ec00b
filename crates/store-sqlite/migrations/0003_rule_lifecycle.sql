-- The rule set that is tried beside the one in force, and what rule sets did to comments.

-- Append-only; the newest row counts. Not rows of rule_set_activations with a kind: an older release
-- takes the newest row there for the rule set in force.
CREATE TABLE rule_set_shadows (
    shadow_id     INTEGER PRIMARY KEY AUTOINCREMENT,
    version       TEXT    REFERENCES rule_sets (version), -- NULL: none since then
    begin_time_ms INTEGER NOT NULL
) STRICT;

-- How often each rule matched. Workers raise it every few seconds, never with a comment.
CREATE TABLE rule_hits (
    site_id     TEXT    NOT NULL,
    rule_id     TEXT    NOT NULL,
    version     TEXT    NOT NULL,
    slot        TEXT    NOT NULL CHECK (slot IN ('active', 'shadow')),
    hits        INTEGER NOT NULL,
    last_hit_ms INTEGER NOT NULL,
    PRIMARY KEY (site_id, rule_id, version, slot)
) STRICT, WITHOUT ROWID;

-- How often a shadow was compared with the rule set in force.
CREATE TABLE shadow_comparisons (
    version   TEXT    NOT NULL,
    site_id   TEXT    NOT NULL,
    compared  INTEGER NOT NULL,
    differing INTEGER NOT NULL,
    PRIMARY KEY (version, site_id)
) STRICT, WITHOUT ROWID;

-- Comments to which a shadow would have given another action: the newest thousand of each site.
CREATE TABLE shadow_differences (
    difference_id   INTEGER PRIMARY KEY AUTOINCREMENT,
    version         TEXT    NOT NULL,
    site_id         TEXT    NOT NULL,
    comment_id      TEXT    NOT NULL,
    revision        INTEGER NOT NULL,
    active_version  TEXT    NOT NULL,
    active_action   TEXT    NOT NULL,
    shadow_action   TEXT    NOT NULL,
    rules           TEXT    NOT NULL, -- JSON
    compare_time_ms INTEGER NOT NULL,
    UNIQUE (version, site_id, comment_id, revision)
) STRICT;

CREATE INDEX shadow_differences_by_age ON shadow_differences (version, site_id, difference_id);

-- How often humans overturn a rule is asked of the decisions of some time.
CREATE INDEX decisions_by_time ON decisions (decide_time_ms);
