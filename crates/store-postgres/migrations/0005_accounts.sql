-- People who sign in to the console.

CREATE TABLE users (
    user_id          uuid    PRIMARY KEY,
    mail             text COLLATE "C" NOT NULL UNIQUE, -- in lower case
    display_name     text    NOT NULL,
    password_hash    text,                             -- argon2id, PHC; NULL: cannot sign in with one
    oidc_issuer      text COLLATE "C",
    oidc_subject     text COLLATE "C",
    operator         boolean NOT NULL,
    disable_time_ms  bigint,
    preferences      json    NOT NULL,
    create_time_ms   bigint  NOT NULL,
    UNIQUE (oidc_issuer, oidc_subject)
);

-- Few: found without reading everybody when one of them is to become none.
CREATE INDEX users_operators ON users (user_id) WHERE operator;

CREATE TABLE memberships (
    user_id  uuid NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    site_id  text COLLATE "C" NOT NULL,
    role     text COLLATE "C" NOT NULL CHECK (role IN ('moderator', 'admin')),
    PRIMARY KEY (user_id, site_id)
);

CREATE INDEX memberships_by_site ON memberships (site_id, user_id);

-- A browser in which somebody is signed in. Its cookie is stored only as its SHA-256.
CREATE TABLE sessions (
    session_sha256  bytea  PRIMARY KEY,
    user_id         uuid   NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    create_time_ms  bigint NOT NULL,
    seen_time_ms    bigint NOT NULL,
    idle_end_ms     bigint NOT NULL, -- moves with every use
    end_time_ms     bigint NOT NULL, -- never moves
    network         text   NOT NULL,
    agent           text   NOT NULL
);

CREATE INDEX sessions_by_user ON sessions (user_id, create_time_ms);

-- Links that work once. Their tokens are stored only as their SHA-256.
CREATE TABLE one_time_links (
    token_sha256    bytea  PRIMARY KEY,
    purpose         text COLLATE "C" NOT NULL CHECK (purpose IN ('first_admin', 'invite', 'password_reset')),
    user_id         uuid   REFERENCES users (user_id) ON DELETE CASCADE, -- NULL: of nobody yet
    create_time_ms  bigint NOT NULL,
    expire_time_ms  bigint NOT NULL
);

CREATE INDEX one_time_links_by_user ON one_time_links (user_id);

-- Failed attempts to sign in, by what they tried or where they came from, hashed. Forgotten after a day.
CREATE TABLE sign_in_attempts (
    subject        bytea  PRIMARY KEY,
    failures       bigint NOT NULL,
    last_time_ms   bigint NOT NULL,
    wait_until_ms  bigint NOT NULL
);

CREATE INDEX sign_in_attempts_by_age ON sign_in_attempts (last_time_ms);
