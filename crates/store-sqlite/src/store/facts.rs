//! What is known before a batch is judged: one statement for each kind of question.

use moderato_domain::facts::{CANDIDATES_MAX, HISTORY_MAX, RATE_MAX, RECENT_WINDOW, THREAD_MAX};
use moderato_domain::{
    AuthorFacts, AuthorKey, History, LogKey, SiteId, TextFingerprint, TextSketch, ThreadFacts, ThreadId,
    Timestamp, Windows,
};
use moderato_store::{Answers, Questions, RecentText};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqlitePool};

use crate::database::Database;
use crate::rows;

/// Columns that [`Questions::rates`] and [`Questions::texts`] search.
const RATE_COLUMNS: [&str; 3] = ["author_log", "network_log", "thread_log"];
const TEXT_COLUMNS: [&str; 2] = ["probe_a", "probe_b"];

/// Answers a batch's questions.
pub(super) async fn answer(database: &Database, questions: &Questions) -> sqlx::Result<Answers> {
    let pool = database.readers();
    let mut answers = Answers::unknown(questions);
    authors(pool, &questions.authors, &mut answers.authors).await?;
    histories(pool, &questions.histories, &mut answers.histories).await?;
    for (by, asked) in questions.rates.iter().enumerate() {
        rates(pool, RATE_COLUMNS[by], asked, &mut answers.rates[by]).await?;
    }
    for (probe, asked) in questions.texts.iter().enumerate() {
        texts(pool, TEXT_COLUMNS[probe], asked, &mut answers.texts[probe]).await?;
    }
    threads(pool, &questions.threads, &mut answers.threads).await?;
    Ok(answers)
}

async fn authors(
    pool: &SqlitePool,
    asked: &[(SiteId, AuthorKey)],
    answers: &mut [Option<AuthorFacts>],
) -> sqlx::Result<()> {
    if asked.is_empty() {
        return Ok(());
    }
    let keys: Vec<_> = asked.iter().map(|(site, key)| (site.as_str(), key.to_string())).collect();
    let found = sqlx::query(
        "SELECT wanted.key AS place, comments, published, rejected, first_seen_ms, last_seen_ms, last_text
         FROM json_each(?1) AS wanted
         CROSS JOIN authors ON site_id = wanted.value ->> 0 AND author_key = unhex(wanted.value ->> 1)",
    )
    .bind(rows::to_json(&keys)?)
    .fetch_all(pool)
    .await?;
    for row in &found {
        answers[place(row)?] = Some(AuthorFacts {
            comments: row.try_get("comments")?,
            published: row.try_get("published")?,
            rejected: row.try_get("rejected")?,
            first_seen: rows::time(row, "first_seen_ms")?,
            last_seen: rows::time(row, "last_seen_ms")?,
            last_text: TextFingerprint::from_i64(row.try_get("last_text")?),
        });
    }
    Ok(())
}

async fn histories(
    pool: &SqlitePool,
    asked: &[(LogKey, Timestamp)],
    answers: &mut [History],
) -> sqlx::Result<()> {
    let statement = format!(
        "SELECT wanted.key AS place,
                count(*) FILTER (WHERE c.state IN ('published', 'rejected', 'spam')) AS settled,
                count(*) FILTER (WHERE c.state IN ('rejected', 'spam')) AS rejected
         FROM json_each(?1) AS wanted
         CROSS JOIN recent_comments AS r ON r.recent_seq IN (
             SELECT recent_seq FROM recent_comments
             WHERE author_log = wanted.value ->> 0 AND time_ms > (wanted.value ->> 1) - {window}
               AND time_ms <= wanted.value ->> 1
             ORDER BY time_ms DESC LIMIT {HISTORY_MAX})
         CROSS JOIN comments AS c ON c.comment_seq = r.comment_seq
         GROUP BY wanted.key",
        window = RECENT_WINDOW.as_millis(),
    );
    for row in &ask(pool, statement, asked).await? {
        answers[place(row)?] =
            History { settled: rows::count(row, "settled")?, rejected: rows::count(row, "rejected")? };
    }
    Ok(())
}

async fn rates(
    pool: &SqlitePool,
    column: &str,
    asked: &[(LogKey, Timestamp)],
    answers: &mut [Windows],
) -> sqlx::Result<()> {
    let [minute, ten_minutes, hour, day] = Windows::SPANS.map(|span| span.as_millis());
    let statement = format!(
        "SELECT wanted.key AS place,
                count(*) FILTER (WHERE r.time_ms > (wanted.value ->> 1) - {minute}) AS minute,
                count(*) FILTER (WHERE r.time_ms > (wanted.value ->> 1) - {ten_minutes}) AS ten_minutes,
                count(*) FILTER (WHERE r.time_ms > (wanted.value ->> 1) - {hour}) AS hour,
                count(*) AS day
         FROM json_each(?1) AS wanted
         CROSS JOIN recent_comments AS r ON r.recent_seq IN (
             SELECT recent_seq FROM recent_comments
             WHERE {column} = wanted.value ->> 0 AND time_ms > (wanted.value ->> 1) - {day}
               AND time_ms <= wanted.value ->> 1
             ORDER BY time_ms DESC LIMIT {RATE_MAX})
         GROUP BY wanted.key"
    );
    for row in &ask(pool, statement, asked).await? {
        let count = |column| rows::count(row, column);
        answers[place(row)?] =
            Windows([count("minute")?, count("ten_minutes")?, count("hour")?, count("day")?]);
    }
    Ok(())
}

async fn texts(
    pool: &SqlitePool,
    column: &str,
    asked: &[(i64, Timestamp)],
    answers: &mut [Vec<RecentText>],
) -> sqlx::Result<()> {
    let statement = format!(
        "SELECT wanted.key AS place, c.site_id, c.comment_id, r.writer, r.text_whole, r.probe_a, r.probe_b,
                r.shingles
         FROM json_each(?1) AS wanted
         CROSS JOIN recent_comments AS r ON r.recent_seq IN (
             SELECT recent_seq FROM recent_comments
             WHERE {column} = wanted.value ->> 0 AND time_ms > (wanted.value ->> 1) - {window}
               AND time_ms <= wanted.value ->> 1
             ORDER BY time_ms DESC LIMIT {CANDIDATES_MAX})
         CROSS JOIN comments AS c ON c.comment_seq = r.comment_seq",
        window = RECENT_WINDOW.as_millis(),
    );
    let asked: Vec<_> = asked.iter().map(|(probe, until)| (LogKey::from_i64(*probe), *until)).collect();
    for row in &ask(pool, statement, &asked).await? {
        let writer: Option<i64> = row.try_get("writer")?;
        let probes = [row.try_get("probe_a")?, row.try_get("probe_b")?];
        answers[place(row)?].push(RecentText {
            comment: rows::comment_name(row)?,
            writer: writer.map(LogKey::from_i64),
            sketch: TextSketch::from_stored(row.try_get("text_whole")?, probes, row.try_get("shingles")?),
        });
    }
    Ok(())
}

async fn threads(
    pool: &SqlitePool,
    asked: &[(SiteId, ThreadId)],
    answers: &mut [ThreadFacts],
) -> sqlx::Result<()> {
    if asked.is_empty() {
        return Ok(());
    }
    let keys: Vec<_> = asked.iter().map(|(site, thread)| (site.as_str(), thread.as_str())).collect();
    let statement = format!(
        "SELECT wanted.key AS place, count(*) AS published, min(c.create_time_ms) AS oldest
         FROM json_each(?1) AS wanted
         CROSS JOIN comments AS c ON c.comment_seq IN (
             SELECT comment_seq FROM comments
             WHERE site_id = wanted.value ->> 0 AND thread_id = wanted.value ->> 1 AND state = 'published'
             ORDER BY create_time_ms, comment_id LIMIT {THREAD_MAX})
         GROUP BY wanted.key"
    );
    let found = sqlx::query(&statement).bind(rows::to_json(&keys)?).fetch_all(pool).await?;
    for row in &found {
        answers[place(row)?] = ThreadFacts {
            published: rows::count(row, "published")?,
            oldest: rows::optional_time(row, "oldest")?,
        };
    }
    Ok(())
}

/// Asks about keys up to times. The statement is made of constants only.
async fn ask(
    pool: &SqlitePool,
    statement: String,
    asked: &[(LogKey, Timestamp)],
) -> sqlx::Result<Vec<SqliteRow>> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let asked: Vec<_> = asked.iter().map(|(key, until)| (key.as_i64(), until.as_millis())).collect();
    sqlx::query(&statement).bind(rows::to_json(&asked)?).fetch_all(pool).await
}

fn place(row: &SqliteRow) -> sqlx::Result<usize> {
    rows::count(row, "place")
}
