//! What is known before a batch is judged: one statement of as many parts as the batch asks, so one
//! round trip.
//!
//! Every part returns rows of one shape: which part, the place of its question, numbers, and for
//! texts the comment they are from.

use moderato_domain::facts::{CANDIDATES_MAX, HISTORY_MAX, RATE_MAX, RECENT_WINDOW, THREAD_MAX};
use moderato_domain::{
    AuthorFacts, AuthorKey, History, LogKey, SiteId, TextFingerprint, TextSketch, ThreadFacts, ThreadId,
    Timestamp, Windows,
};
use moderato_store::{Answers, Questions, RecentText};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Postgres, QueryBuilder, Row};

use crate::changes::column;
use crate::rows;

/// Numbers of the parts.
const AUTHORS: i32 = 0;
const HISTORIES: i32 = 1;
const RATES: [i32; 3] = [2, 3, 4];
const TEXTS: [i32; 2] = [5, 6];
const THREADS: i32 = 7;

/// Columns that [`Questions::rates`] and [`Questions::texts`] search.
const RATE_COLUMNS: [&str; 3] = ["author_log", "network_log", "thread_log"];
const TEXT_COLUMNS: [&str; 2] = ["probe_a", "probe_b"];

/// Of a part whose answers are numbers.
const NO_TEXT: &str = "NULL AS site_id, NULL AS comment_id, NULL::bytea AS shingles";

/// Answers a batch's questions.
pub(crate) async fn answer(pool: &PgPool, questions: &Questions) -> sqlx::Result<Answers> {
    let mut answers = Answers::unknown(questions);
    if questions.is_empty() {
        return Ok(answers);
    }
    for row in statement(questions).build().fetch_all(pool).await? {
        read(&row, &mut answers)?;
    }
    Ok(answers)
}

/// The parts that are asked for, joined.
fn statement(questions: &Questions) -> QueryBuilder<'static, Postgres> {
    let mut parts = Parts { statement: QueryBuilder::new(""), empty: true };
    if !questions.authors.is_empty() {
        parts.authors(&questions.authors);
    }
    if !questions.histories.is_empty() {
        parts.histories(&questions.histories);
    }
    for by in 0..RATES.len() {
        if !questions.rates[by].is_empty() {
            parts.rates(by, &questions.rates[by]);
        }
    }
    for probe in 0..TEXTS.len() {
        if !questions.texts[probe].is_empty() {
            parts.texts(probe, &questions.texts[probe]);
        }
    }
    if !questions.threads.is_empty() {
        parts.threads(&questions.threads);
    }
    parts.statement
}

/// The statement while it is put together.
struct Parts {
    statement: QueryBuilder<'static, Postgres>,
    empty: bool,
}

impl Parts {
    /// Begins a part with its columns; the rest of it follows.
    fn begin(&mut self, part: i32, numbers: &str, text: &str) -> &mut QueryBuilder<'static, Postgres> {
        if !std::mem::take(&mut self.empty) {
            self.statement.push(" UNION ALL ");
        }
        self.statement.push(format_args!("SELECT {part} AS part, k.place, {numbers}, {text} "))
    }

    fn authors(&mut self, asked: &[(SiteId, AuthorKey)]) {
        const NUMBERS: &str = "a.comments AS n1, a.published AS n2, a.rejected AS n3,
            a.first_seen_ms AS n4, a.last_seen_ms AS n5, a.last_text AS n6";
        self.begin(AUTHORS, NUMBERS, NO_TEXT)
            .push("FROM unnest(")
            .push_bind(column(asked, |(site, _)| site.as_str().to_owned()))
            .push("::text[], ")
            .push_bind(column(asked, |(_, author)| author.as_bytes().to_vec()))
            .push(
                "::bytea[]) WITH ORDINALITY AS k (site_id, author_key, place)
                 JOIN authors a USING (site_id, author_key)",
            );
    }

    fn histories(&mut self, asked: &[(LogKey, Timestamp)]) {
        self.begin(HISTORIES, "v.n1 AS n1, v.n2 AS n2, NULL::bigint AS n3, NULL::bigint AS n4, NULL::bigint AS n5, NULL::bigint AS n6", NO_TEXT);
        self.asked(asked).push(format_args!(
            "CROSS JOIN LATERAL (
                 SELECT count(*) FILTER (WHERE c.state IN ('published', 'rejected', 'spam')) AS n1,
                        count(*) FILTER (WHERE c.state IN ('rejected', 'spam')) AS n2
                 FROM (SELECT site_id, comment_id FROM recent_comments
                       WHERE author_log = k.key AND time_ms > k.until_ms - {window} AND time_ms <= k.until_ms
                       ORDER BY time_ms DESC LIMIT {HISTORY_MAX}) newest
                 JOIN comments c USING (site_id, comment_id)) v",
            window = RECENT_WINDOW.as_millis(),
        ));
    }

    fn rates(&mut self, by: usize, asked: &[(LogKey, Timestamp)]) {
        self.begin(
            RATES[by],
            "v.n1 AS n1, v.n2 AS n2, v.n3 AS n3, v.n4 AS n4, NULL::bigint AS n5, NULL::bigint AS n6",
            NO_TEXT,
        );
        let [minute, ten_minutes, hour, day] = Windows::SPANS.map(|span| span.as_millis());
        self.asked(asked).push(format_args!(
            "CROSS JOIN LATERAL (
                 SELECT count(*) FILTER (WHERE time_ms > k.until_ms - {minute}) AS n1,
                        count(*) FILTER (WHERE time_ms > k.until_ms - {ten_minutes}) AS n2,
                        count(*) FILTER (WHERE time_ms > k.until_ms - {hour}) AS n3,
                        count(*) AS n4
                 FROM (SELECT time_ms FROM recent_comments
                       WHERE {column} = k.key AND time_ms > k.until_ms - {day} AND time_ms <= k.until_ms
                       ORDER BY time_ms DESC LIMIT {RATE_MAX}) newest) v",
            column = RATE_COLUMNS[by],
        ));
    }

    fn texts(&mut self, probe: usize, asked: &[(i64, Timestamp)]) {
        const NUMBERS: &str = "v.writer AS n1, v.text_whole AS n2, v.probe_a AS n3, v.probe_b AS n4,
            NULL::bigint AS n5, NULL::bigint AS n6";
        let asked = column(asked, |(probe, until)| (LogKey::from_i64(*probe), *until));
        self.begin(TEXTS[probe], NUMBERS, "v.site_id, v.comment_id, v.shingles");
        self.asked(&asked).push(format_args!(
            "CROSS JOIN LATERAL (
                 SELECT * FROM recent_comments
                 WHERE {column} = k.key AND time_ms > k.until_ms - {window} AND time_ms <= k.until_ms
                 ORDER BY time_ms DESC LIMIT {CANDIDATES_MAX}) v",
            column = TEXT_COLUMNS[probe],
            window = RECENT_WINDOW.as_millis(),
        ));
    }

    fn threads(&mut self, asked: &[(SiteId, ThreadId)]) {
        self.begin(THREADS, "v.n1 AS n1, v.n2 AS n2, NULL::bigint AS n3, NULL::bigint AS n4, NULL::bigint AS n5, NULL::bigint AS n6", NO_TEXT)
            .push("FROM unnest(")
            .push_bind(column(asked, |(site, _)| site.as_str().to_owned()))
            .push("::text[], ")
            .push_bind(column(asked, |(_, thread)| thread.as_str().to_owned()))
            .push(format_args!(
                "::text[]) WITH ORDINALITY AS k (site_id, thread_id, place)
                 CROSS JOIN LATERAL (
                     SELECT count(*) AS n1, min(create_time_ms) AS n2
                     FROM (SELECT create_time_ms FROM comments c
                           WHERE c.site_id = k.site_id AND c.thread_id = k.thread_id
                             AND c.state = 'published'
                           ORDER BY create_time_ms, comment_id LIMIT {THREAD_MAX}) oldest) v"
            ));
    }

    /// The questions of a part, as `k`.
    fn asked(&mut self, asked: &[(LogKey, Timestamp)]) -> &mut QueryBuilder<'static, Postgres> {
        self.statement
            .push("FROM unnest(")
            .push_bind(column(asked, |(key, _)| key.as_i64()))
            .push("::bigint[], ")
            .push_bind(column(asked, |(_, until)| until.as_millis()))
            .push("::bigint[]) WITH ORDINALITY AS k (key, until_ms, place) ")
    }
}

/// Puts one row where it belongs.
fn read(row: &PgRow, answers: &mut Answers) -> sqlx::Result<()> {
    let place = rows::place(row)?;
    let number = |column: &str| row.try_get::<i64, _>(column);
    let count = |column: &str| number(column).map(|count| count as u32);
    let time = |column: &str| number(column).map(Timestamp::from_millis);
    match row.try_get::<i32, _>("part")? {
        AUTHORS => {
            answers.authors[place] = Some(AuthorFacts {
                comments: number("n1")?,
                published: number("n2")?,
                rejected: number("n3")?,
                first_seen: time("n4")?,
                last_seen: time("n5")?,
                last_text: TextFingerprint::from_i64(number("n6")?),
            });
        }
        HISTORIES => answers.histories[place] = History { settled: count("n1")?, rejected: count("n2")? },
        THREADS => {
            let oldest: Option<i64> = row.try_get("n2")?;
            let oldest = oldest.map(Timestamp::from_millis);
            answers.threads[place] = ThreadFacts { published: count("n1")?, oldest };
        }
        part => {
            if let Some(by) = RATES.iter().position(|rates| *rates == part) {
                let counts = [count("n1")?, count("n2")?, count("n3")?, count("n4")?];
                answers.rates[by][place] = Windows(counts);
            }
            if let Some(probe) = TEXTS.iter().position(|texts| *texts == part) {
                let writer: Option<i64> = row.try_get("n1")?;
                answers.texts[probe][place].push(RecentText {
                    comment: rows::name(row)?,
                    writer: writer.map(LogKey::from_i64),
                    sketch: TextSketch::from_stored(
                        number("n2")?,
                        [number("n3")?, number("n4")?],
                        row.try_get("shingles")?,
                    ),
                });
            }
        }
    }
    Ok(())
}
