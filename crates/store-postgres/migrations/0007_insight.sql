-- How often people agree: a sample of decisions, decided once more by somebody who does not know the
-- first outcome. One second look per decision. The category is that of the weightiest reason.
CREATE TABLE second_looks (
    decision    uuid   NOT NULL,
    site_id     text COLLATE "C" NOT NULL,
    comment_id  text COLLATE "C" NOT NULL,
    actor_id    text COLLATE "C" NOT NULL,
    actor_name  text   NOT NULL,
    category    text COLLATE "C",
    first_kind  text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    time_ms     bigint NOT NULL,
    PRIMARY KEY (decision, site_id, comment_id)
);

CREATE INDEX second_looks_by_site ON second_looks (site_id, time_ms);
