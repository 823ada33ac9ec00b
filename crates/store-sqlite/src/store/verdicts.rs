//! Verdicts: what the engine said about each revision.

use moderato_domain::{CommentName, Evaluation, Facts, Revision, RuleSetVersion, Verdict};
use moderato_store::NewRecord;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::record::Kept;
use crate::database::Database;
use crate::many::Many;
use crate::rows;

macro_rules! select_verdicts {
    ($which:literal) => {
        concat!(
            "SELECT site_id, comment_id, revision, rule_set_version, action, score, approved_by_rule,
                    reasons, signals, degraded, facts, evaluate_time_ms
             FROM verdicts
             WHERE comment_seq = (SELECT comment_seq FROM comments WHERE site_id = ?1 AND comment_id = ?2) ",
            $which
        )
    };
}

pub(super) async fn one(
    database: &Database,
    name: &CommentName,
    revision: Option<Revision>,
) -> sqlx::Result<Option<Verdict>> {
    let query = match revision {
        Some(revision) => sqlx::query(select_verdicts!("AND revision = ?3"))
            .bind(name.site.as_str())
            .bind(name.comment.as_str())
            .bind(revision.get()),
        None => sqlx::query(select_verdicts!("ORDER BY revision DESC LIMIT 1"))
            .bind(name.site.as_str())
            .bind(name.comment.as_str()),
    };
    query.fetch_optional(database.readers()).await?.as_ref().map(stored_verdict).transpose()
}

pub(super) async fn newest_first(
    database: &Database,
    name: &CommentName,
    after: Option<Revision>,
    limit: u32,
) -> sqlx::Result<Vec<Verdict>> {
    sqlx::query(select_verdicts!("AND (?3 IS NULL OR revision < ?3) ORDER BY revision DESC LIMIT ?4"))
        .bind(name.site.as_str())
        .bind(name.comment.as_str())
        .bind(after.map(Revision::get))
        .bind(limit)
        .fetch_all(database.readers())
        .await?
        .iter()
        .map(stored_verdict)
        .collect()
}

/// Inserts the verdicts of revisions that were not stored before.
pub(super) async fn insert(connection: &mut SqliteConnection, records: &[Kept<'_>]) -> sqlx::Result<()> {
    const INTO: &str = "
        INSERT OR ROLLBACK INTO verdicts
            (comment_seq, site_id, comment_id, revision, rule_set_version, action, score,
             approved_by_rule, reasons, signals, degraded, evaluate_time_ms, facts)";
    let documents =
        records.iter().map(|(_, record)| Documents::of(record)).collect::<sqlx::Result<Vec<_>>>()?;
    let records: Vec<_> = records.iter().zip(&documents).collect();
    let insert = Many::insert(
        INTO,
        &records,
        |((comment_seq, record), documents), row| {
            row.bind(comment_seq)
                .bind(record.comment.site.as_str())
                .bind(record.comment.id.as_str())
                .bind(record.comment.revision.get())
                .bind(record.evaluation.rule_set.as_str())
                .bind(record.evaluation.action.as_str())
                .bind(record.evaluation.score.get())
                .bind(record.evaluation.approved_by_rule)
                .bind(&documents.reasons)
                .bind(&documents.signals)
                .bind(&documents.degraded)
                .bind(record.evaluate_time.as_millis())
                .bind(&documents.facts);
        },
        "",
    )?;
    insert.execute(connection).await
}

/// The parts of a verdict that are read back whole and never searched.
struct Documents {
    reasons: String,
    signals: String,
    degraded: String,
    facts: Option<String>,
}

impl Documents {
    fn of(record: &NewRecord) -> sqlx::Result<Self> {
        let evaluation = &record.evaluation;
        Ok(Self {
            reasons: rows::to_json(&evaluation.reasons)?,
            signals: rows::to_json(&evaluation.signals)?,
            degraded: rows::to_json(&evaluation.degraded)?,
            facts: record.kept_facts().map(rows::to_json).transpose()?,
        })
    }
}

pub(super) fn stored_verdict(row: &SqliteRow) -> sqlx::Result<Verdict> {
    Ok(Verdict {
        comment: rows::comment_name(row)?,
        revision: rows::revision(row)?,
        evaluation: Evaluation {
            action: rows::action(row)?,
            approved_by_rule: row.try_get("approved_by_rule")?,
            score: rows::score(row)?,
            reasons: rows::json(row, "reasons")?,
            signals: rows::json(row, "signals")?,
            rule_set: rows::parsed(row, "rule_set_version", RuleSetVersion::parse)?,
            degraded: rows::json(row, "degraded")?,
        },
        facts: facts(row)?,
        evaluate_time: rows::time(row, "evaluate_time_ms")?,
    })
}

fn facts(row: &SqliteRow) -> sqlx::Result<Facts> {
    let absent = row.try_get::<Option<&str>, _>("facts")?.is_none();
    if absent { Ok(Facts::none(rows::time(row, "evaluate_time_ms")?)) } else { rows::json(row, "facts") }
}
