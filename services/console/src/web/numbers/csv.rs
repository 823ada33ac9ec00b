//! The tables of the numbers page as files for a spreadsheet.

use moderato_domain::table::text_cell;
use moderato_domain::{SiteId, Timestamp};
use moderato_store::{Period, Store, StoreError};

use super::report::{people, rules, written};

/// A table by the name of its file. Nothing but what stands in it is counted.
pub(super) async fn table(
    store: &dyn Store,
    site: &SiteId,
    period: Period,
    name: &str,
) -> Result<Option<String>, StoreError> {
    let seconds = |wait: std::time::Duration| format!("{:.3}", wait.as_secs_f64());
    Ok(Some(match name {
        "work.csv" => write(
            &["hour", "moderator_id", "moderator", "decisions"],
            store.work(site, period).await?.iter().map(|line| {
                vec![
                    time(line.hour),
                    line.actor.id.clone(),
                    line.actor.name.clone(),
                    line.decisions.to_string(),
                ]
            }),
        ),
        "waits.csv" => write(
            &["day", "decisions", "p50_seconds", "p90_seconds"],
            store.waiting_times(site, period).await?.days.iter().map(|(day, waits)| {
                vec![
                    written(*day, "%Y-%m-%d"),
                    waits.decisions.to_string(),
                    seconds(waits.p50),
                    seconds(waits.p90),
                ]
            }),
        ),
        "moderators.csv" => write(
            &[
                "moderator_id",
                "moderator",
                "decisions",
                "hours_with_decisions",
                "p50_seconds",
                "p90_seconds",
                "overturned",
                "appeals_answered",
                "appeals_upheld",
            ],
            people(store, site, period, &store.work(site, period).await?).await?.iter().map(|line| {
                let record = &line.record;
                vec![
                    record.actor.id.clone(),
                    record.actor.name.clone(),
                    record.waits.decisions.to_string(),
                    line.hours.to_string(),
                    seconds(record.waits.p50),
                    seconds(record.waits.p90),
                    record.overturned.to_string(),
                    record.appeals.to_string(),
                    record.upheld.to_string(),
                ]
            }),
        ),
        "rules.csv" => write(
            &["rule", "decided", "overturned", "appeals_answered", "appeals_upheld"],
            rules(store, site, period).await?.iter().map(|line| {
                let counts = [line.decided, line.overturned, line.appeals, line.upheld];
                [vec![line.rule.clone()], counts.map(|count| count.to_string()).to_vec()].concat()
            }),
        ),
        "agreement.csv" => write(
            &["category", "first", "second", "looks"],
            store.agreement(site, period).await?.iter().map(|line| {
                vec![
                    line.category.clone().unwrap_or_default(),
                    line.first.as_str().to_owned(),
                    line.second.as_str().to_owned(),
                    line.looks.to_string(),
                ]
            }),
        ),
        _ => return Ok(None),
    }))
}

fn time(time: Timestamp) -> String {
    written(time, "%Y-%m-%dT%H:%M:%SZ")
}

fn write(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = header.join(",");
    text.push_str("\r\n");
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| quoted(cell)).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

/// A cell as RFC 4180 wants it, and no formula.
fn quoted(cell: &str) -> String {
    let guarded = text_cell(cell);
    if guarded.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_text_for_a_spreadsheet() {
        for (cell, written) in [
            ("Ada", "Ada"),
            ("Ada, the first", "\"Ada, the first\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("@cmd", "'@cmd"),
            ("-1.5", "-1.5"),
            ("", ""),
        ] {
            assert_eq!(quoted(cell), written);
        }
    }
}
