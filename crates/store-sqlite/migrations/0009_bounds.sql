-- What keeps one failure, one address or one person from getting in the way of the others.

-- A decision whose effects could not be carried out stays due: how often that was tried, and when again.
ALTER TABLE decisions ADD COLUMN effects_attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE decisions ADD COLUMN effects_next_ms INTEGER; -- NULL: at once

-- Rejections by the engine that could not be stated when the log was read past them. Each stays here
-- until it is.
CREATE TABLE rejections_set_aside (
    site_id         TEXT    NOT NULL,
    comment_id      TEXT    NOT NULL,
    revision        INTEGER NOT NULL,
    attempts        INTEGER NOT NULL,
    next_attempt_ms INTEGER NOT NULL,
    PRIMARY KEY (site_id, comment_id, revision)
) STRICT;

CREATE INDEX rejections_set_aside_due ON rejections_set_aside (next_attempt_ms);

-- Of mails that anybody could have had sent to anybody: whom they go to, hashed, to be counted. Kept for
-- a day.
ALTER TABLE mails ADD COLUMN recipient_hash BLOB;

CREATE INDEX mails_by_recipient ON mails (recipient_hash, due_ms) WHERE recipient_hash IS NOT NULL;

-- Who was told about which urgent item.
CREATE TABLE urgent_told (
    user_id        BLOB    NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    site_id        TEXT    NOT NULL,
    comment_id     TEXT    NOT NULL,
    wait_since_ms  INTEGER NOT NULL,
    mail_id        BLOB    NOT NULL,
    time_ms        INTEGER NOT NULL,
    PRIMARY KEY (user_id, site_id, comment_id, wait_since_ms)
) STRICT;

CREATE INDEX urgent_told_by_age ON urgent_told (time_ms);

-- Who made a filter that is everybody's; NULL: before this release.
ALTER TABLE saved_filters ADD COLUMN maker_id TEXT;
ALTER TABLE saved_filters ADD COLUMN maker_name TEXT;
