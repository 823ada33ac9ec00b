//! Fills a store that was migrated, by statements that make many rows at once.
//!
//! Everything about a comment follows from its number. A hash of it is its id and scatters authors, pages
//! and parents; every so-manieth comment waits, whatever its age.

use std::path::Path;

use moderato_domain::{Clock as _, SystemClock};
use sha2::{Digest as _, Sha256};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use uuid::Uuid;

/// The session of the moderator who looks at pages.
pub(crate) const SESSION: &str = "5e551014000000000000000000000000000000000000000000000000000000aa";

/// The moderator.
const MODERATOR: Uuid = Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001);

/// The year in which everything was written, up to now.
const YEAR_MS: i64 = 365 * 86_400_000;

/// Comments made by one statement.
const AT_ONCE: u32 = 50_000;

/// How much there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    comments: u32,
    /// One comment of so many waits.
    waits: u32,
}

impl Sizes {
    /// So many comments, of which one in twenty waits: 50,000 of a million.
    pub(crate) fn of(comments: u32) -> Self {
        Self { comments, waits: 20 }
    }
}

/// What the backends say differently.
struct Dialect {
    /// Numbers `i` from `$1` to `$2`.
    numbers: &'static str,
    hex: fn(&str, usize) -> String,
    bytes: fn(&str, usize) -> String,
    /// Names of columns, and their values, that only this backend has.
    own_key: [&'static str; 2],
    uid: fn(&str) -> String,
    json: &'static str,
}

const POSTGRES: Dialect = Dialect {
    numbers: "WITH k AS (SELECT i FROM generate_series($1::bigint, $2::bigint) AS i)",
    hex: |number, digits| format!("lpad(to_hex({number}), {digits}, '0')"),
    bytes: |number, bytes| format!("decode(lpad(to_hex({number}), {}, '0'), 'hex')", bytes * 2),
    own_key: ["", ""],
    uid: |number| format!("lpad(to_hex({number}), 32, '0')::uuid"),
    json: "::json",
};

const SQLITE: Dialect = Dialect {
    numbers: "WITH RECURSIVE k (i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM k WHERE i < $2)",
    hex: |number, digits| format!("printf('%0{digits}x', {number})"),
    bytes: |number, bytes| format!("unhex(printf('%0{}x', {number}))", bytes * 2),
    own_key: ["comment_seq, ", "i + 1, "],
    uid: |number| format!("unhex(printf('%032x', {number}))"),
    json: "",
};

impl Dialect {
    /// Makes a table of what comments with numbers from `$1` to `$2` are like.
    fn make(&self, sizes: Sizes) -> String {
        let Sizes { comments, waits } = sizes;
        let spacing = YEAR_MS / i64::from(comments.max(1));
        let hashed = |number: &str| (self.hex)(&format!("(({number}) * 2654435761 % 4294967296)"), 8);
        format!(
            "CREATE TEMPORARY TABLE made AS {numbers},
             n AS (SELECT i, i * 2654435761 % 4294967296 AS h, CASE WHEN i % {waits} = 0 THEN i / {waits} END AS w
                   FROM k),
             q AS (SELECT i, h, w, w % 100 AS q,
                          CASE WHEN w IS NULL THEN NULL WHEN w % 100 = 0 THEN 'escalated'
                               WHEN w % 100 = 1 THEN 'appeals' WHEN w % 100 < 7 THEN 'reported'
                               WHEN w % 100 < 52 THEN 'flagged' WHEN w % 100 < 90 THEN 'pending'
                               ELSE 'spam' END AS queue
                   FROM n)
             SELECT i, h, w, {id} AS id, queue,
                    CASE WHEN h % 100 = 0 THEN 'post-0' ELSE 'post-' || (1 + h / 100 % 10000) END AS thread,
                    CASE WHEN h % 3 = 0 AND i > 300 THEN {parent} END AS parent,
                    CASE WHEN h % 50 = 0 THEN 0 ELSE 1 + h / 50 % ({comments} / 10 + 1) END AS author,
                    CASE WHEN queue = 'spam' THEN 'spam' WHEN queue = 'appeals' THEN 'rejected'
                         WHEN queue = 'reported' THEN 'published' WHEN queue IS NOT NULL THEN 'pending'
                         WHEN h % 20 = 0 THEN 'rejected' ELSE 'published' END AS state,
                    CASE WHEN queue = 'spam' OR queue IS NULL AND h % 20 = 0 THEN 'reject'
                         WHEN queue IN ('flagged', 'escalated') THEN 'review' ELSE 'allow' END AS action,
                    CASE WHEN queue = 'escalated' THEN 3 WHEN queue = 'pending' OR queue IS NULL THEN 0
                         WHEN queue = 'flagged' AND q < 20 THEN 2 ELSE 1 END AS priority,
                    CASE WHEN queue = 'escalated' THEN 'crisis' WHEN queue = 'spam' THEN 'spam'
                         WHEN queue <> 'flagged' OR queue IS NULL THEN NULL
                         WHEN q = 51 AND w / 100 % 250 = 0 THEN 'privacy'
                         WHEN q < 16 THEN 'hate' WHEN q < 20 THEN 'threat' WHEN q < 30 THEN 'profanity'
                         ELSE 'quality' END AS category,
                    CASE WHEN queue = 'spam' THEN w % 50 WHEN queue = 'flagged' AND q % 4 = 0 THEN 99
                         ELSE 1000 + i END AS campaign,
                    {start} + i * {spacing} AS time
             FROM q",
            numbers = self.numbers,
            id = hashed("i"),
            parent = hashed("i - 1 - h % 250"),
            start = SystemClock.now().as_millis() - YEAR_MS,
        )
    }

    /// Stores what was made.
    fn store(&self) -> [String; 4] {
        let [own_column, own_value] = self.own_key;
        let shingles: Vec<String> = (0..16_u64)
            .map(|place| (self.hex)(&format!("(campaign + {})", place * 200_000_000), 8))
            .collect();
        let shingles = match self.json {
            "" => format!("unhex({})", shingles.join(" || ")),
            _ => format!("decode({}, 'hex')", shingles.join(" || ")),
        };
        let author = (self.bytes)("author", 16);
        // Words of an ordinary comment, more or less of them.
        let text = "What the article leaves out is how the town paid for the old bridge in the first place, \
                    and who was asked before it was closed. "
            .repeat(6);
        [
            format!(
                "INSERT INTO comments ({own_column}site_id, comment_id, thread_id, parent_id, revision,
                     author_key, state, action, score, decided, create_time_ms, accept_time_ms, update_time_ms,
                     version, queue, priority, wait_since_ms, category, escalated, reported, appealed,
                     fingerprint, probe_a, probe_b, shingles)
                 SELECT {own_value}'blog', id, thread, parent, 1, {author}, state, action, 1.5,
                     queue = 'appeals' OR queue IS NULL AND i % 10 = 1, time, time, time, 1, queue, priority,
                     time, category, coalesce(queue = 'escalated', false),
                     CASE WHEN queue = 'reported' THEN 2 ELSE 0 END, coalesce(queue = 'appeals', false),
                     CASE WHEN queue = 'spam' THEN campaign ELSE 1000 + i END,
                     CASE WHEN w IS NOT NULL THEN campaign * 2 END,
                     CASE WHEN w IS NOT NULL THEN campaign * 2 + 1 END,
                     CASE WHEN w IS NOT NULL THEN {shingles} END
                 FROM made"
            )
            .replace("queue = 'appeals' OR", "coalesce(queue = 'appeals', false) OR"),
            format!(
                "INSERT INTO comment_revisions ({own_column}site_id, comment_id, revision, submission_uid,
                     content_hash, display_name, user_id, body, language, fingerprint, create_time_ms,
                     accept_time_ms)
                 SELECT {own_value}'blog', id, 1, {uid}, {hash}, 'Reader ' || author, 'u' || author,
                     'No. ' || i || ': ' || substr('{text}', 1, CAST(60 + h % 600 AS integer)), 'en', 1000 + i,
                     time, time
                 FROM made",
                uid = (self.uid)("h"),
                hash = (self.bytes)("h", 32),
            ),
            format!(
                "INSERT INTO verdicts ({own_column}site_id, comment_id, revision, rule_set_version, action, score,
                     approved_by_rule, reasons, signals, degraded, evaluate_time_ms)
                 SELECT {own_value}'blog', id, 1, 'bench-1', action, 1.5, false,
                     CASE WHEN category IS NULL THEN '[]' ELSE
                         '[{{\"rule\":\"bench\",\"category\":\"' || category || '\",\"score\":1.5,\"message\":\"'
                         || 'It was taken for ' || category || '.\",\"note\":\"Seen in the text.\"}}]' END{json},
                     '[]', '[]', time
                 FROM made",
                json = self.json,
            ),
            "INSERT INTO decisions (site_id, comment_id, revision, kind, moderator, actor_id, actor_name,
                 decide_time_ms, waited_ms, undo_until_ms, version, effects_time_ms, decision)
             SELECT 'blog', id, 1, 'approve', 'Mo', 'user:' || (h % 20), 'Mo', time + 60000, 60000, time + 360000, 2,
                 time + 360000, UID
             FROM made WHERE queue IS NULL AND i % 10 = 1"
                .replace("UID", &(self.uid)("i")),
        ]
    }

    /// What is counted of authors, the audit log, and the moderator.
    fn finish(&self) -> [String; 7] {
        let hash = (self.bytes)("i", 32);
        let raw = |bytes: &[u8]| {
            let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
            if self.json.is_empty() { format!("x'{hex}'") } else { format!("'\\x{hex}'::bytea") }
        };
        let session = raw(&Sha256::digest(SESSION));
        let user = match self.json {
            "" => raw(MODERATOR.as_bytes()),
            _ => format!("'{MODERATOR}'::uuid"),
        };
        let end = 4_102_444_800_000_i64;
        [
            "INSERT INTO authors (site_id, author_key, comments, published, rejected, first_seen_ms,
                 last_seen_ms, last_text)
             SELECT site_id, author_key, count(*), sum(CASE WHEN state = 'published' THEN 1 ELSE 0 END),
                 sum(CASE WHEN state = 'rejected' THEN 1 ELSE 0 END), min(accept_time_ms), max(accept_time_ms), 0
             FROM comments WHERE author_key IS NOT NULL GROUP BY site_id, author_key"
                .to_owned(),
            format!(
                "INSERT INTO audit_log (entry_seq, site_id, actor_id, actor_name, action, subject, details, time_ms,
                     hash)
                 {} SELECT (SELECT entry_seq FROM audit_head) + i, 'blog', 'user:1', 'Mo', 'decide', 'comments', '{{}}',
                     1722470400000 + i, {hash} FROM k",
                self.numbers
            ),
            "UPDATE audit_head SET entry_seq = (SELECT max(entry_seq) FROM audit_log)".to_owned(),
            format!(
                "INSERT INTO users (user_id, mail, display_name, operator, preferences, create_time_ms)
                 VALUES ({user}, 'mo@blog.example', 'Mo', true, '{{}}', 0)"
            ),
            format!(
                "INSERT INTO sites (site_id, display_name, settings, privacy_key, create_time_ms, update_time_ms)
                 VALUES ('blog', 'The Blog', '{{}}', {}, 0, 0) ON CONFLICT DO NOTHING",
                raw(&[7; 32])
            ),
            format!("INSERT INTO memberships (user_id, site_id, role) VALUES ({user}, 'blog', 'admin')"),
            format!(
                "INSERT INTO sessions (session_sha256, user_id, create_time_ms, seen_time_ms, idle_end_ms,
                     end_time_ms, network, agent)
                 VALUES ({session}, {user}, 0, {end}, {end}, {end}, '127.0.0.0', 'bench')"
            ),
        ]
    }
}

macro_rules! fill {
    ($connection:expr, $dialect:expr, $sizes:expr) => {{
        let (mut connection, dialect, sizes) = ($connection, $dialect, $sizes);
        let mut from = 0;
        while from < sizes.comments {
            let to = (from + AT_ONCE).min(sizes.comments);
            let mut transaction = connection.begin().await?;
            sqlx::query(&dialect.make(sizes))
                .bind(i64::from(from))
                .bind(i64::from(to) - 1)
                .execute(&mut *transaction)
                .await?;
            for statement in dialect.store() {
                sqlx::query(&statement).execute(&mut *transaction).await?;
            }
            sqlx::query("DROP TABLE made").execute(&mut *transaction).await?;
            transaction.commit().await?;
            from = to;
        }
        for statement in dialect.finish() {
            let mut query = sqlx::query(&statement);
            if statement.contains("$1") {
                query = query.bind(1_i64).bind(i64::from(sizes.comments / 10));
            }
            query.execute(&mut connection).await?;
        }
        sqlx::query("ANALYZE").execute(&mut connection).await?;
        connection
    }};
}

/// Fills a PostgreSQL database.
pub(crate) async fn postgres(url: &str, sizes: Sizes) -> anyhow::Result<()> {
    let options: PgConnectOptions = url.parse()?;
    let connection = options.options([("synchronous_commit", "off")]).connect().await?;
    let mut connection = fill!(connection, POSTGRES, sizes);
    // As a table is that autovacuum has been at.
    sqlx::query("VACUUM").execute(&mut connection).await?;
    sqlx::query("CHECKPOINT").execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// Fills a SQLite file that nobody else has open.
pub(crate) async fn sqlite(path: &Path, sizes: Sizes) -> anyhow::Result<()> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Off)
        .pragma("cache_size", "-524288");
    let mut connection = fill!(options.connect().await?, SQLITE, sizes);
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await?;
    Ok(connection.close().await?)
}
