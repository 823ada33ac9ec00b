-- The rule set that is tried beside the one in force, and what rule sets did to comments.

-- Append-only; the newest row counts. Not rows of rule_set_activations with a kind: an older release
-- takes the newest row there for the rule set in force.
CREATE TABLE rule_set_shadows (
    shadow_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version        text COLLATE "C" REFERENCES rule_sets (version), -- NULL: none since then
    begin_time_ms  bigint NOT NULL
);

-- How often each rule matched. Workers raise it every few seconds, never with a comment. No index
-- covers the counters, so that raising them touches the page alone (a HOT update).
CREATE TABLE rule_hits (
    site_id      text COLLATE "C" NOT NULL,
    rule_id      text COLLATE "C" NOT NULL,
    version      text COLLATE "C" NOT NULL,
    slot         text COLLATE "C" NOT NULL CHECK (slot IN ('active', 'shadow')),
    hits         bigint NOT NULL,
    last_hit_ms  bigint NOT NULL,
    PRIMARY KEY (site_id, rule_id, version, slot)
) WITH (fillfactor = 70);

-- How often a shadow was compared with the rule set in force.
CREATE TABLE shadow_comparisons (
    version    text COLLATE "C" NOT NULL,
    site_id    text COLLATE "C" NOT NULL,
    compared   bigint NOT NULL,
    differing  bigint NOT NULL,
    PRIMARY KEY (version, site_id)
) WITH (fillfactor = 70);

-- Comments to which a shadow would have given another action: the newest thousand of each site.
CREATE TABLE shadow_differences (
    difference_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version          text COLLATE "C" NOT NULL,
    site_id          text COLLATE "C" NOT NULL,
    comment_id       text COLLATE "C" NOT NULL,
    revision         bigint NOT NULL,
    active_version   text COLLATE "C" NOT NULL,
    active_action    text COLLATE "C" NOT NULL,
    shadow_action    text COLLATE "C" NOT NULL,
    rules            json   NOT NULL,
    compare_time_ms  bigint NOT NULL,
    UNIQUE (version, site_id, comment_id, revision)
);

CREATE INDEX shadow_differences_by_age ON shadow_differences (version, site_id, difference_id);

-- How often humans overturn a rule is asked of the decisions of some time.
CREATE INDEX decisions_by_time ON decisions (decide_time_ms);
