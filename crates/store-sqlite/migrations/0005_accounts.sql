-- People who sign in to the console.

CREATE TABLE users (
    user_id          BLOB    PRIMARY KEY,
    mail             TEXT NOT NULL UNIQUE, -- in lower case
    display_name     TEXT    NOT NULL,
    password_hash    TEXT,                             -- argon2id, PHC; NULL: cannot sign in with one
    oidc_issuer      TEXT,
    oidc_subject     TEXT,
    operator         INTEGER NOT NULL,
    disable_time_ms  INTEGER,
    preferences      TEXT    NOT NULL,
    create_time_ms   INTEGER NOT NULL,
    UNIQUE (oidc_issuer, oidc_subject)
) STRICT, WITHOUT ROWID;

-- Few: found without reading everybody when one of them is to become none.
CREATE INDEX users_operators ON users (user_id) WHERE operator;

CREATE TABLE memberships (
    user_id  BLOB NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    site_id  TEXT NOT NULL,
    role     TEXT NOT NULL CHECK (role IN ('moderator', 'admin')),
    PRIMARY KEY (user_id, site_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX memberships_by_site ON memberships (site_id, user_id);

-- A browser in which somebody is signed in. Its cookie is stored only as its SHA-256.
CREATE TABLE sessions (
    session_sha256  BLOB  PRIMARY KEY,
    user_id         BLOB   NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    create_time_ms  INTEGER NOT NULL,
    seen_time_ms    INTEGER NOT NULL,
    idle_end_ms     INTEGER NOT NULL, -- moves with every use
    end_time_ms     INTEGER NOT NULL, -- never moves
    network         TEXT   NOT NULL,
    agent           TEXT   NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_user ON sessions (user_id, create_time_ms);

-- Links that work once. Their tokens are stored only as their SHA-256.
CREATE TABLE one_time_links (
    token_sha256    BLOB  PRIMARY KEY,
    purpose         TEXT NOT NULL CHECK (purpose IN ('first_admin', 'invite', 'password_reset')),
    user_id         BLOB   REFERENCES users (user_id) ON DELETE CASCADE, -- NULL: of nobody yet
    create_time_ms  INTEGER NOT NULL,
    expire_time_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX one_time_links_by_user ON one_time_links (user_id);

-- Failed attempts to sign in, by what they tried or where they came from, hashed. Forgotten after a day.
CREATE TABLE sign_in_attempts (
    subject        BLOB  PRIMARY KEY,
    failures       INTEGER NOT NULL,
    last_time_ms   INTEGER NOT NULL,
    wait_until_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sign_in_attempts_by_age ON sign_in_attempts (last_time_ms);
