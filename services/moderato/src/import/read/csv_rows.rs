//! CSV: columns by the names in the header.

use std::io::{BufRead as _, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, bail};

use super::super::fields::{Field, columns};
use super::{Counted, Mapping, Unusable, Values};

/// A row longer than this is a quote that was never closed, which would take the rest of the file.
const MAX_ROW_BYTES: usize = 8 * 1024 * 1024;

pub(super) struct CsvRows {
    reader: csv::Reader<Bounded>,
    record: csv::ByteRecord,
    columns: Vec<(Field, usize)>,
    width: usize,
    since_row: Arc<AtomicUsize>,
}

/// Refuses to read on when one row has taken too much.
struct Bounded {
    inner: BufReader<Counted>,
    since_row: Arc<AtomicUsize>,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.since_row.load(Ordering::Relaxed) > MAX_ROW_BYTES {
            return Err(std::io::Error::other("a row of more than 8 MiB: a quote is not closed"));
        }
        let read = self.inner.read(buffer)?;
        self.since_row.fetch_add(read, Ordering::Relaxed);
        Ok(read)
    }
}

impl CsvRows {
    pub(super) fn new(mut inner: BufReader<Counted>, mapping: &Mapping) -> anyhow::Result<Self> {
        let separator = separator(inner.fill_buf().context("cannot read the file")?);
        let since_row = Arc::new(AtomicUsize::new(0));
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator)
            .flexible(true)
            .from_reader(Bounded { inner, since_row: Arc::clone(&since_row) });
        let header: Vec<String> = reader
            .byte_headers()
            .context("cannot read the header")?
            .iter()
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect();
        if header.is_empty() {
            bail!("the file is empty: the first row must name the columns");
        }
        let columns = columns(&header, &mapping.columns)?;
        Ok(Self { reader, record: csv::ByteRecord::new(), columns, width: header.len(), since_row })
    }

    /// The next row's line and values. An error ends the file.
    pub(super) fn next_row(&mut self) -> anyhow::Result<Option<(u64, Result<Values, Unusable>)>> {
        self.since_row.store(0, Ordering::Relaxed);
        let more = self.reader.read_byte_record(&mut self.record).with_context(|| {
            format!("cannot read on after line {}", self.record.position().map_or(1, csv::Position::line))
        })?;
        if !more {
            return Ok(None);
        }
        let line = self.record.position().map_or(0, csv::Position::line);
        Ok(Some((line, self.values())))
    }

    fn values(&self) -> Result<Values, Unusable> {
        if self.record.len() != self.width {
            let description = format!("has {} fields where the header has {}", self.record.len(), self.width);
            return Err(Unusable::row("RAGGED_ROW", description));
        }
        let mut values = Values::new();
        for (field, column) in &self.columns {
            let text = std::str::from_utf8(&self.record[*column]).map_err(|error| {
                let description =
                    format!("is not UTF-8 from byte {} on; convert the file first", error.valid_up_to());
                Unusable::field(*field, "INVALID_UTF8", description)
            })?;
            values.insert(*field, text.to_owned());
        }
        Ok(values)
    }
}

/// The separator that occurs most in the first line.
fn separator(start: &[u8]) -> u8 {
    let header = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |wanted: u8| header.split(|byte| *byte == wanted).count();
    // The comma wins a tie, since it stands last.
    [b'\t', b';', b','].into_iter().max_by_key(|separator| count(*separator)).unwrap_or(b',')
}
