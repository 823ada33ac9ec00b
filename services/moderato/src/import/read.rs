//! Rows of a CSV or JSON Lines file, one at a time. A row that cannot be used is an item with the
//! reason, and the next row follows.

mod csv_rows;
mod json_rows;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, bail};
use moderato_api::pb::ingest as pb;
use sha2::{Digest as _, Sha256};

use super::fields::{Field, draft};

/// One row of the file.
#[derive(Debug)]
pub(crate) struct Row {
    /// Position among the rows, from 0.
    pub position: u64,
    /// Line it begins on, from 1.
    pub line: u64,
    /// What to submit, or why not.
    pub content: Result<Item, Unusable>,
}

/// What a row becomes.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// Identity of the row: the same for the same row of the same file.
    pub request_id: String,
    pub comment: pb::CommentDraft,
}

/// Why a row was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unusable {
    /// Field of the request, or `row`.
    pub field: Cow<'static, str>,
    /// For programs.
    pub reason: Cow<'static, str>,
    /// For people.
    pub description: String,
}

impl Unusable {
    pub(super) fn field(field: Field, reason: &'static str, description: impl Into<String>) -> Self {
        Self { field: field.path().into(), reason: reason.into(), description: description.into() }
    }

    pub(super) fn row(reason: &'static str, description: impl Into<String>) -> Self {
        Self { field: "row".into(), reason: reason.into(), description: description.into() }
    }
}

/// How to read a file: which column is what, and the thread of rows without one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mapping {
    /// Thread of every row, whatever the file says.
    pub thread: Option<String>,
    /// Columns that were named by hand.
    pub columns: BTreeMap<Field, String>,
}

/// A row's values by field.
pub(super) type Values = BTreeMap<Field, String>;

/// The rows of a file.
pub(crate) struct Rows {
    source: Source,
    mapping: Mapping,
    next_position: u64,
    read_bytes: Arc<AtomicU64>,
}

enum Source {
    Csv(Box<csv_rows::CsvRows>),
    Json(json_rows::JsonRows),
}

/// Counts what was read, for the progress bar.
pub(super) struct Counted {
    file: File,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Rows {
    /// Opens a file; its name tells what it is.
    pub(crate) fn open(path: &Path, mapping: Mapping) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let read_bytes = Arc::new(AtomicU64::new(0));
        let reader = BufReader::with_capacity(64 * 1024, Counted { file, bytes: Arc::clone(&read_bytes) });
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        let source = match extension.as_str() {
            "csv" | "tsv" => Source::Csv(Box::new(csv_rows::CsvRows::new(reader, &mapping)?)),
            "jsonl" | "ndjson" => Source::Json(json_rows::JsonRows::new(reader)),
            "gz" => bail!("unpack {} first: gzip -dk", path.display()),
            _ => bail!("{} is neither .csv, .tsv, .jsonl nor .ndjson", path.display()),
        };
        Ok(Self { source, mapping, next_position: 0, read_bytes })
    }

    /// Bytes read so far.
    pub(crate) fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read_bytes)
    }
}

impl Iterator for Rows {
    /// An error ends the file: it cannot be read further.
    type Item = anyhow::Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = match &mut self.source {
            Source::Csv(rows) => rows.next_row(),
            Source::Json(rows) => rows.next_row(&self.mapping),
        };
        let (line, values) = match next.transpose()? {
            Ok(row) => row,
            Err(error) => return Some(Err(error)),
        };
        let position = self.next_position;
        self.next_position += 1;
        let content = values.and_then(|values| {
            let comment = draft(&values, self.mapping.thread.as_deref())?;
            let request_id =
                request_id(position, values.get(&Field::Id).map_or("", String::as_str), &comment);
            Ok(Item { request_id, comment })
        });
        Some(Ok(Row { position, line, content }))
    }
}

/// Derived from the row's position and content, so that a second run submits nothing twice.
fn request_id(position: u64, id: &str, comment: &pb::CommentDraft) -> String {
    let author = comment.author.clone().unwrap_or_default();
    let time =
        comment.create_time.map_or_else(String::new, |time| format!("{}.{}", time.seconds, time.nanos));
    let mut hash = Sha256::new();
    hash.update(position.to_be_bytes());
    for part in [id, &comment.thread, &author.display_name, &author.email, &author.url, &comment.body, &time]
    {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    format!("import-{}", super::hex(&hash.finalize()[..16]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(name: &str, bytes: &[u8]) -> Vec<Row> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Rows::open(&path, Mapping::default()).unwrap().map(Result::unwrap).collect()
    }

    fn reasons(rows: &[Row]) -> Vec<&str> {
        rows.iter().map(|row| row.content.as_ref().map_or_else(|bad| &*bad.reason, |_| "ok")).collect()
    }

    #[test]
    fn bad_rows_of_a_csv_file_are_told_and_the_rest_goes_on() {
        let csv = b"id,text,author\n1,\"two\nlines\",Ann\n2,\xFF,Ben\n3,short\n4,a,b,c\n5,last,\n";
        let rows = rows("x.csv", csv);
        assert_eq!(reasons(&rows), ["ok", "INVALID_UTF8", "RAGGED_ROW", "RAGGED_ROW", "ok"]);
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 4, 5, 6, 7]);
        let first = rows[0].content.as_ref().unwrap();
        assert_eq!(first.comment.body, "two\nlines");
        assert_eq!(first.comment.thread, "imported");
        assert_eq!(rows[4].content.as_ref().unwrap().comment.author.as_ref().unwrap().display_name, "Guest");
    }

    #[test]
    fn bad_lines_of_a_json_file_are_told_and_the_rest_goes_on() {
        let json = b"{\"body\":\"one\",\"thread\":\"A b\"}\n{\"body\":\"\\ud800\"}\n\n[1]\n{\"body\":7}\n{\"x\":1}\n\xFF\n{\"text\":\"last\"}";
        let rows = rows("x.jsonl", json);
        assert_eq!(
            reasons(&rows),
            ["ok", "LONE_SURROGATE", "MALFORMED_JSON", "WRONG_TYPE", "REQUIRED", "INVALID_UTF8", "ok"]
        );
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 2, 4, 5, 6, 7, 8]);
        assert_eq!(rows[0].content.as_ref().unwrap().comment.thread, "A-b");
    }

    #[test]
    fn a_row_keeps_its_identity_and_equal_rows_have_their_own() {
        let csv = b"text\nsame\nsame\n";
        let ids =
            |rows: Vec<Row>| rows.into_iter().map(|row| row.content.unwrap().request_id).collect::<Vec<_>>();
        let (first, second) = (ids(rows("x.csv", csv)), ids(rows("x.csv", csv)));
        assert_eq!(first, second);
        assert_ne!(first[0], first[1]);
    }

    #[test]
    fn the_separator_is_seen_in_the_header() {
        let rows = rows("x.csv", "\u{FEFF}comment;name\nhello, you;Zoë\n".as_bytes());
        let item = rows[0].content.as_ref().unwrap();
        assert_eq!(
            (item.comment.body.as_str(), item.comment.author.as_ref().unwrap().display_name.as_str()),
            ("hello, you", "Zoë")
        );
    }
}
