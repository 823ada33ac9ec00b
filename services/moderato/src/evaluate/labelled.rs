//! Labelled comments from CSV files.

use std::fs::File;
use std::io::{BufReader, Read, Seek as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use flate2::read::MultiGzDecoder;
use moderato_domain::intake::{Arrival, CommentDraft};
use moderato_domain::{Clock as _, Comment, CommentId, Revision, SiteId, SiteSettings, SystemClock};

/// What every gzip file begins with (RFC 1952 §2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1F, 0x8B];

/// A comment and what people said about it.
#[derive(Debug)]
pub(super) struct Labelled {
    /// The file's id of it, else the number of the row, from 1.
    pub(super) id: String,
    /// As ingest would admit it.
    pub(super) comment: Comment,
    /// Whether it should not appear unseen.
    pub(super) unwanted: bool,
    /// The value of the column to count by.
    pub(super) group: Option<String>,
}

/// The labelled comments of one file.
#[derive(Debug)]
pub(super) struct Dataset {
    /// Folder and file without their endings, such as `forum/dev`.
    pub(super) name: String,
    pub(super) rows: Vec<Labelled>,
    /// How many rows ingest would refuse, such as those without a text: they are in nothing counted.
    pub(super) refused: usize,
}

/// The columns that are used.
struct Columns {
    text: usize,
    label: usize,
    id: Option<usize>,
    author: Option<usize>,
    website: Option<usize>,
    group: Option<usize>,
}

impl Dataset {
    /// Reads a file whole.
    pub(super) fn read(file: &Path, by: Option<&str>) -> anyhow::Result<Self> {
        let open = || -> std::io::Result<Box<dyn Read>> {
            let mut source = File::open(file)?;
            let mut start = Vec::new();
            source.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut start)?;
            source.rewind()?;
            let source = BufReader::new(source);
            Ok(if start == GZIP_MAGIC { Box::new(MultiGzDecoder::new(source)) } else { Box::new(source) })
        };
        let source = open().with_context(|| format!("cannot read {}", file.display()))?;
        Self::parse(name(file), source, by).with_context(|| format!("in {}", file.display()))
    }

    fn parse(name: String, source: impl Read, by: Option<&str>) -> anyhow::Result<Self> {
        let mut reader = csv::Reader::from_reader(source);
        let columns = columns(reader.headers()?, by)?;
        let mut dataset = Self { name, rows: Vec::new(), refused: 0 };
        for (number, record) in (1..).zip(reader.records()) {
            match row(&columns, &record?, number)? {
                Some(row) => dataset.rows.push(row),
                None => dataset.refused += 1,
            }
        }
        Ok(dataset)
    }
}

/// The comment of a row; `None` if ingest would refuse it.
fn row(columns: &Columns, record: &csv::StringRecord, number: usize) -> anyhow::Result<Option<Labelled>> {
    /// Name of authors that have none, so that a site which asks for one is content.
    const NAMELESS: &str = "Guest";
    let cell = |column: Option<usize>| column.and_then(|column| record.get(column)).unwrap_or_default();
    let unwanted = match cell(Some(columns.label)).trim() {
        "1" => true,
        "0" => false,
        other => {
            let line = record.position().map_or(0, csv::Position::line);
            bail!("line {line}: the label is {other:?}, but must be 1 or 0")
        }
    };
    let name = cell(columns.author).trim();
    let draft = CommentDraft {
        thread: "labelled".to_owned(),
        display_name: if name.is_empty() { NAMELESS } else { name }.to_owned(),
        url: cell(columns.website).to_owned(),
        body: cell(Some(columns.text)).to_owned(),
        ..CommentDraft::default()
    };
    let arrival = Arrival {
        site: SiteId::parse("labelled")?,
        id: CommentId::parse(&number.to_string())?,
        revision: Revision::FIRST,
        request_id: None,
        accept_time: SystemClock.now(),
    };
    let Ok(comment) = draft.admit(&SiteSettings::default(), arrival) else { return Ok(None) };
    let id = cell(columns.id);
    Ok(Some(Labelled {
        id: if id.is_empty() { number.to_string() } else { id.to_owned() },
        comment,
        unwanted,
        group: columns.group.map(|group| cell(Some(group)).to_owned()),
    }))
}

fn columns(header: &csv::StringRecord, by: Option<&str>) -> anyhow::Result<Columns> {
    let find = |name: &str| header.iter().position(|column| column.trim().eq_ignore_ascii_case(name));
    let needed = |name: &str| {
        find(name).with_context(|| {
            let columns: Vec<&str> = header.iter().collect();
            format!("there is no column {name:?}; the columns are {}", columns.join(", "))
        })
    };
    Ok(Columns {
        text: needed("text")?,
        label: needed("label")?,
        id: find("id"),
        author: find("author"),
        website: find("website"),
        group: by.map(needed).transpose()?,
    })
}

fn name(file: &Path) -> String {
    let file_name = file.file_name().unwrap_or_default().to_string_lossy();
    let stem = file_name.strip_suffix(".gz").unwrap_or(&file_name);
    let stem = stem.strip_suffix(".csv").unwrap_or(stem);
    match file.parent().and_then(Path::file_name) {
        Some(folder) => format!("{}/{stem}", folder.to_string_lossy()),
        None => stem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const CSV: &str = "id,text,label,kind,website\na1,\"Hello,\nyou\",0,greeting,\n,Buy,1,offer,http://shop.example\n,,1,offer,\n";

    #[test]
    fn plain_and_gzipped_files_are_read_alike() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("small.csv");
        std::fs::write(&plain, CSV).unwrap();
        let zipped = folder.path().join("small.csv.gz");
        let mut encoder =
            flate2::write::GzEncoder::new(File::create(&zipped).unwrap(), flate2::Compression::fast());
        encoder.write_all(CSV.as_bytes()).unwrap();
        encoder.finish().unwrap();
        for file in [plain, zipped] {
            let dataset = Dataset::read(&file, Some("kind")).unwrap();
            assert!(dataset.name.ends_with("/small"), "{}", dataset.name);
            assert_eq!(dataset.refused, 1, "a row without a text");
            let [first, second] = &dataset.rows[..] else { panic!("{dataset:?}") };
            assert_eq!(
                (first.id.as_str(), first.comment.body.as_str(), first.unwanted),
                ("a1", "Hello,\nyou", false)
            );
            assert_eq!((first.group.as_deref(), &first.comment.author.url), (Some("greeting"), &None));
            assert_eq!((second.id.as_str(), second.unwanted), ("2", true));
            assert_eq!(second.comment.author.url.as_deref(), Some("http://shop.example"));
        }
    }

    #[test]
    fn what_cannot_be_counted_is_refused_by_name() {
        let refused =
            |text: &str, by| format!("{:#}", Dataset::parse("d".into(), text.as_bytes(), by).unwrap_err());
        assert_eq!(refused("text\nx\n", None), "there is no column \"label\"; the columns are text");
        assert_eq!(
            refused("text,label\nx,1\ny,spam\n", None),
            "line 3: the label is \"spam\", but must be 1 or 0"
        );
        assert!(refused("text,label\nx,1\n", Some("lang")).contains("no column \"lang\""));
    }
}
