//! JSON Lines: one object a line.

use std::io::{BufRead as _, BufReader, Read as _};

use anyhow::Context as _;
use serde_json::{Map, Value};

use super::super::fields::Field;
use super::{Counted, Mapping, Unusable, Values};

/// Longest line that is read: a body of 64 KiB with every character escaped, several times over.
const MAX_LINE_BYTES: u64 = 1024 * 1024;

pub(super) struct JsonRows {
    reader: BufReader<Counted>,
    line: u64,
    buffer: Vec<u8>,
}

impl JsonRows {
    pub(super) const fn new(reader: BufReader<Counted>) -> Self {
        Self { reader, line: 0, buffer: Vec::new() }
    }

    /// The next line's number and values. An error ends the file.
    pub(super) fn next_row(
        &mut self,
        mapping: &Mapping,
    ) -> anyhow::Result<Option<(u64, Result<Values, Unusable>)>> {
        loop {
            self.buffer.clear();
            let mut bounded = (&mut self.reader).take(MAX_LINE_BYTES);
            let read = bounded.read_until(b'\n', &mut self.buffer).context("cannot read on")?;
            if read == 0 {
                return Ok(None);
            }
            self.line += 1;
            if read as u64 == MAX_LINE_BYTES && self.buffer.last() != Some(&b'\n') {
                self.skip_rest_of_line()?;
                let description = format!("is longer than {MAX_LINE_BYTES} bytes");
                return Ok(Some((self.line, Err(Unusable::row("TOO_LONG", description)))));
            }
            let mut text = self.buffer.as_slice();
            if self.line == 1 {
                text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
            }
            let text = text.trim_ascii();
            if !text.is_empty() {
                return Ok(Some((self.line, values(text, mapping))));
            }
        }
    }

    fn skip_rest_of_line(&mut self) -> anyhow::Result<()> {
        loop {
            let chunk = self.reader.fill_buf().context("cannot read on")?;
            let (used, done) = match chunk.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (chunk.len(), chunk.is_empty()),
            };
            self.reader.consume(used);
            if done {
                return Ok(());
            }
        }
    }
}

fn values(line: &[u8], mapping: &Mapping) -> Result<Values, Unusable> {
    let text = std::str::from_utf8(line).map_err(|error| {
        Unusable::row("INVALID_UTF8", format!("is not UTF-8 from byte {} on", error.valid_up_to()))
    })?;
    let object: Map<String, Value> = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    let mut values = Values::new();
    for field in Field::ALL {
        let named = mapping.columns.get(&field);
        let value = match named {
            Some(name) => object.get(name),
            None => field.names().iter().find_map(|name| object.get(*name)),
        };
        match value {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => {
                values.insert(field, text.clone());
            }
            // Ids and times are often numbers.
            Some(Value::Number(number)) if field.may_be_number() => {
                values.insert(field, number.to_string());
            }
            Some(_) => return Err(Unusable::field(field, "WRONG_TYPE", "is not text")),
        }
    }
    Ok(values)
}

fn malformed(error: &serde_json::Error) -> Unusable {
    let text = error.to_string();
    // A surrogate without its partner, in the two ways the parser puts it.
    if text.contains("surrogate") || text.contains("hex escape") {
        let description = format!("holds an escape such as \\ud800 that is half a character: {text}");
        return Unusable::row("LONE_SURROGATE", description);
    }
    Unusable::row("MALFORMED_JSON", format!("is not one JSON object: {text}"))
}
